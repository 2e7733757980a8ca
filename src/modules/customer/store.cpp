#include "modules/customer/store.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "base/clock.hpp"

namespace bookstore::customer::store {
namespace {

using storage::Sql;

const std::string select_customers = "SELECT id, name FROM customer";
const Sql select_customer{"customer", select_customers + " WHERE id = ?1 AND NOT deleted"};
const Sql insert_customer{"customer", "INSERT INTO customer(name) VALUES (?1)"};
const Sql update_customer{"customer", "UPDATE customer SET name = ?2 WHERE id = ?1"};
const Sql delete_customer{"customer", "UPDATE customer SET deleted = 1 WHERE id = ?1"};

const std::string select_my_pages =
    "SELECT p.id, p.customer_id, c.name, p.order_id, p.book_id, p.quantity, p.delivery_address, "
    "p.order_status, p.delivery_status, p.delivery_id, p.pay_amount, p.pay_status, p.ordered_at "
    "FROM my_page p LEFT JOIN customer c ON c.id = p.customer_id";
const Sql select_my_page{"customer", select_my_pages + " WHERE p.id = ?1"};
const Sql select_my_page_of_order{"customer", select_my_pages + " WHERE p.order_id = ?1"};

/// A statement for the rows that are served, and the same for the second set of a rebuild.
class PageSql {
  public:
    explicit PageSql(std::string_view text)
        : served_("customer", fmt::format(fmt::runtime(text), "my_page")),
          rebuilt_("customer", fmt::format(fmt::runtime(text), "my_page_rebuild")) {}
    const Sql& of(bool rebuilt) const { return rebuilt ? rebuilt_ : served_; }

  private:
    Sql served_;
    Sql rebuilt_;
};

const PageSql insert_page{
    "INSERT INTO {0}(customer_id, nth_of_customer, order_id, book_id, quantity, delivery_address, "
    "order_status, pay_amount, ordered_at) VALUES (?1, "
    "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM {0} WHERE customer_id = ?1), "
    "?2, ?3, ?4, ?5, ?6, ?7, ?8)"
};
const PageSql select_status{"SELECT order_status FROM {} WHERE order_id = ?1"};
const PageSql update_status{"UPDATE {} SET order_status = ?2 WHERE order_id = ?1"};
const PageSql replace_status{
    "UPDATE {} SET order_status = ?3 WHERE order_id = ?1 AND order_status = ?2"
};
const PageSql update_delivery{
    "UPDATE {} SET order_status = ?3, delivery_status = ?4, delivery_id = ?5 "
    "WHERE order_id = ?1 AND order_status = ?2"
};
const PageSql update_pay_status{"UPDATE {} SET pay_status = ?2 WHERE order_id = ?1"};

void must_have_changed(const storage::Connection& db, std::int64_t order_id) {
    if (db.changes() != 1) {
        throw std::logic_error(fmt::format("My Page has no row of order {}", order_id));
    }
}

std::optional<Money> money_in(std::optional<std::int64_t> cents) {
    return cents ? std::optional(Money::from_cents(*cents)) : std::nullopt;
}

std::optional<MyPage> one_page(storage::Connection& db, const Sql& sql, std::int64_t id) {
    auto row = db.prepare(sql);
    row.bind(id);
    return row.step() ? std::optional(my_page_in(row)) : std::nullopt;
}

}  // namespace

const kernel::DeletablePages customer_pages{
    "customer", select_customers, "customer", "customerId", {{"customerName", {"name", "id"}}}
};
const kernel::TablePages my_page_pages{"customer", select_my_pages, "p.id", "my_page", "id"};
const kernel::FinderPages my_pages_of_customer{
    "customer", select_my_pages, "p.customer_id", "p.nth_of_customer", "my_page", "id", "customerId"
};

Customer customer_in(storage::Statement& row) {
    return {.id = row.integer(0), .customer_name = row.string(1)};
}

std::optional<Customer> find(storage::Connection& db, std::int64_t id) {
    auto row = db.prepare(select_customer);
    row.bind(id);
    return row.step() ? std::optional(customer_in(row)) : std::nullopt;
}

std::int64_t insert(storage::Connection& db, const Customer& customer) {
    db.prepare(insert_customer).bind(customer.customer_name).run();
    return db.last_insert_id();
}

void update(storage::Connection& db, const Customer& customer) {
    db.prepare(update_customer).bind(customer.id, customer.customer_name).run();
}

void mark_deleted(storage::Connection& db, std::int64_t id) {
    db.prepare(delete_customer).bind(id).run();
    customer_pages.count_deleted(db, id);
}

MyPage my_page_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .customer_id = row.integer(1),
        .customer_name = row.optional_string(2),
        .order_id = row.integer(3),
        .book_id = row.integer(4),
        .quantity = row.integer(5),
        .delivery_address = row.string(6),
        .order_status = row.string(7),
        .delivery_status = row.optional_string(8),
        .delivery_id = row.optional_integer(9),
        .pay_amount = money_in(row.optional_integer(10)),
        .pay_status = row.optional_string(11),
        .ordered_at = iso_timestamp(row.integer(12)),
    };
}

std::optional<MyPage> find_my_page(storage::Connection& db, std::int64_t id) {
    return one_page(db, select_my_page, id);
}

std::vector<MyPage> my_pages_of_order(storage::Connection& db, std::int64_t order_id) {
    std::vector<MyPage> pages;
    if (auto page = one_page(db, select_my_page_of_order, order_id)) {
        pages.push_back(std::move(*page));
    }
    return pages;
}

void MyPageRows::insert(storage::Connection& db, const MyPage& page, std::int64_t ordered_at_ms)
    const {
    const auto cents = page.pay_amount ? std::optional(page.pay_amount->cents()) : std::nullopt;
    db.prepare(insert_page.of(rebuilt_))
        .bind(
            page.customer_id,
            page.order_id,
            page.book_id,
            page.quantity,
            page.delivery_address,
            page.order_status,
            cents,
            ordered_at_ms
        )
        .run();
}

std::string MyPageRows::order_status(storage::Connection& db, std::int64_t order_id) const {
    auto row = db.prepare(select_status.of(rebuilt_));
    row.bind(order_id);
    if (!row.step()) {
        throw std::logic_error(fmt::format("My Page has no row of order {}", order_id));
    }
    return row.string(0);
}

void MyPageRows::cancel(storage::Connection& db, std::int64_t order_id, std::string_view status)
    const {
    db.prepare(update_status.of(rebuilt_)).bind(order_id, status).run();
    must_have_changed(db, order_id);
}

bool MyPageRows::set_order_status(
    storage::Connection& db, std::int64_t order_id, std::string_view before, std::string_view after
) const {
    db.prepare(replace_status.of(rebuilt_)).bind(order_id, before, after).run();
    return db.changes() == 1;
}

bool MyPageRows::set_delivery(
    storage::Connection& db,
    std::int64_t order_id,
    std::string_view status_before,
    std::string_view order_status,
    std::string_view delivery_status,
    std::int64_t delivery_id
) const {
    db.prepare(update_delivery.of(rebuilt_))
        .bind(order_id, status_before, order_status, delivery_status, delivery_id)
        .run();
    return db.changes() == 1;
}

void MyPageRows::set_pay_status(
    storage::Connection& db, std::int64_t order_id, std::string_view status
) const {
    db.prepare(update_pay_status.of(rebuilt_)).bind(order_id, status).run();
    must_have_changed(db, order_id);
}

}  // namespace bookstore::customer::store
