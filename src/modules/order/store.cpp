#include "modules/order/store.hpp"

#include <algorithm>

namespace bookstore::order::store {
namespace {

using storage::Sql;

constexpr auto file = "order";

const std::string select_orders =
    "SELECT id, book_id, customer_id, quantity, delivery_address, status, pay_amount, pay_type, "
    "was_ordered FROM orders";
const Sql select_order{file, select_orders + " WHERE id = ?1"};
const Sql select_status{file, "SELECT status FROM orders WHERE id = ?1"};
const Sql insert_order{
    file,
    "INSERT INTO orders(book_id, customer_id, quantity, delivery_address, status, pay_amount, "
    "pay_type, was_ordered, next_try, trace, nth_of_customer) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
    "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM orders WHERE customer_id = ?2))"
};
const Sql select_newest{file, "SELECT coalesce(max(id), 0) FROM orders"};
const Sql insert_unknown{
    file,
    "INSERT INTO orders(id, book_id, customer_id, quantity, delivery_address, status, was_ordered, "
    "nth_of_customer) VALUES (?1, 0, 0, 0, '', 'CANCELED', 0, "
    "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM orders WHERE customer_id = 0))"
};
const Sql update_lost{
    file,
    "UPDATE orders SET book_id = ?2, customer_id = ?3, quantity = ?4, delivery_address = ?5, "
    "status = ?6, pay_amount = ?7, pay_type = ?8, was_ordered = 1, next_try = NULL WHERE id = ?1"
};
// Not one that another row has: each is taken once, while they are moved.
const Sql free_numbers{
    file, "UPDATE orders SET nth_of_customer = -id WHERE customer_id IN (0, ?1) AND id >= ?2"
};
const Sql number_again{
    file,
    "UPDATE orders SET nth_of_customer = (SELECT count(*) FROM orders AS other WHERE "
    "other.customer_id = orders.customer_id AND other.id <= orders.id) "
    "WHERE customer_id IN (0, ?1) AND id >= ?2"
};
const Sql update_status{file, "UPDATE orders SET status = ?3 WHERE id = ?1 AND status = ?2"};
const Sql update_verified{
    file, "UPDATE orders SET status = ?2, was_ordered = ?3, next_try = NULL WHERE id = ?1"
};

const Sql insert_untold{
    file,
    "INSERT INTO untold(order_id, nth, time, request, trace) VALUES (?1, "
    "(SELECT coalesce(max(nth), 0) + 1 FROM untold WHERE order_id = ?1), ?2, ?3, ?4)"
};

const Sql select_to_verify{
    file,
    "SELECT id, customer_id, book_id, attempts, trace FROM orders "
    "WHERE refused = ?1 AND next_try > ?2 AND next_try <= ?3 ORDER BY next_try LIMIT ?4"
};
const Sql select_next_try{
    file,
    "SELECT next_try FROM orders WHERE refused = ?1 AND next_try > ?2 ORDER BY next_try LIMIT 1"
};
// One that was canceled or verified while it was asked about is not asked about again.
const Sql update_next_try{
    file,
    "UPDATE orders SET attempts = attempts + 1, next_try = ?2 "
    "WHERE id = ?1 AND next_try IS NOT NULL"
};
const Sql update_refused{
    file,
    "UPDATE orders SET refused = 1, attempts = attempts + 1, next_try = ?2 "
    "WHERE id = ?1 AND next_try IS NOT NULL"
};
const Sql update_some_next_tries{
    file,
    "UPDATE orders SET next_try = ?2 WHERE id IN "
    "(SELECT id FROM orders WHERE refused = ?1 AND next_try > ?2 ORDER BY next_try LIMIT ?3)"
};

}  // namespace

// Of a customer's orders, ids and numbers grow together.
const kernel::TablePages order_pages{
    file,
    select_orders,
    "id",
    "orders",
    "orderId",
    {{"customerId", {"customer_id", "nth_of_customer"}}}
};
const kernel::FinderPages orders_of_customer{
    file, select_orders, "customer_id", "nth_of_customer", "orders", "orderId", "customerId"
};

Order order_in(storage::Statement& row) {
    const auto cents = row.optional_integer(6);
    return {
        .id = row.integer(0),
        .book_id = row.integer(1),
        .customer_id = row.integer(2),
        .quantity = row.integer(3),
        .delivery_address = row.string(4),
        .order_status = Status::of(row.text(5)),
        .pay_amount = cents ? std::optional(Money::from_cents(*cents)) : std::nullopt,
        .pay_type = row.optional_string(7),
        .was_ordered = row.integer(8) != 0,
    };
}

std::int64_t insert(
    storage::Connection& db,
    const Order& order,
    std::optional<std::int64_t> verify_at_ms,
    std::string_view trace
) {
    const auto cents = order.pay_amount ? std::optional(order.pay_amount->cents()) : std::nullopt;
    const auto stored_trace = verify_at_ms ? std::optional(trace) : std::nullopt;
    db.prepare(insert_order)
        .bind(
            order.book_id,
            order.customer_id,
            order.quantity,
            order.delivery_address,
            word(order.order_status),
            cents,
            order.pay_type,
            order.was_ordered,
            verify_at_ms,
            stored_trace
        )
        .run();
    return db.last_insert_id();
}

void insert_lost(storage::Connection& db, const Order& order) {
    auto newest = db.prepare(select_newest);
    newest.step();
    for (std::int64_t id = newest.integer(0) + 1; id <= order.id; ++id) {
        db.prepare(insert_unknown).bind(id).run();
    }
    // As what it may be is of another customer, or of none.
    db.prepare(free_numbers).bind(order.customer_id, order.id).run();
    const auto cents = order.pay_amount ? std::optional(order.pay_amount->cents()) : std::nullopt;
    db.prepare(update_lost)
        .bind(
            order.id,
            order.book_id,
            order.customer_id,
            order.quantity,
            order.delivery_address,
            word(order.order_status),
            cents,
            order.pay_type
        )
        .run();
    db.prepare(number_again).bind(order.customer_id, order.id).run();
}

std::optional<Order> find(storage::Connection& db, std::int64_t id) {
    auto row = db.prepare(select_order);
    row.bind(id);
    return row.step() ? std::optional(order_in(row)) : std::nullopt;
}

std::optional<Status> status_of(storage::Connection& db, std::int64_t id) {
    auto row = db.prepare(select_status);
    row.bind(id);
    return row.step() ? std::optional(Status::of(row.text(0))) : std::nullopt;
}

bool set_status(
    storage::Connection& db, std::int64_t id, const Status& before, const Status& after
) {
    db.prepare(update_status).bind(id, word(before), word(after)).run();
    return db.changes() == 1;
}

void end_verification(
    storage::Connection& db, std::int64_t id, OrderStatus status, bool was_ordered
) {
    db.prepare(update_verified).bind(id, word(status), was_ordered).run();
}

void note_untold(
    storage::Connection& db,
    std::int64_t id,
    std::int64_t now_ms,
    std::string_view request,
    std::string_view trace
) {
    db.prepare(insert_untold).bind(id, now_ms, request, trace).run();
}

std::vector<ToVerify> to_verify(
    storage::Connection& db, bool refused, bus::DueSpan span, std::size_t limit
) {
    std::vector<ToVerify> orders;
    auto row = db.prepare(select_to_verify);
    row.bind(refused, span.after_ms, span.to_ms, limit);
    while (row.step()) {
        orders.push_back(
            {.id = row.integer(0),
             .customer_id = row.integer(1),
             .book_id = row.integer(2),
             .attempts = row.integer(3),
             .refused = refused,
             .trace = row.string(4)}
        );
    }
    return orders;
}

std::optional<std::int64_t> next_try(storage::Connection& db, bool refused, std::int64_t now_ms) {
    auto row = db.prepare(select_next_try);
    row.bind(refused, now_ms);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

void try_again(storage::Connection& db, std::int64_t id, std::int64_t next_try_ms) {
    db.prepare(update_next_try).bind(id, next_try_ms).run();
}

void refuse(storage::Connection& db, std::int64_t id, std::int64_t next_try_ms) {
    db.prepare(update_refused).bind(id, next_try_ms).run();
}

bool try_some_now(storage::Connection& db, bool refused, std::int64_t now_ms) {
    constexpr std::int64_t some = 1024;
    db.prepare(update_some_next_tries).bind(refused, now_ms, some).run();
    return db.changes() == some;
}

}  // namespace bookstore::order::store
