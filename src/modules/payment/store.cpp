#include "modules/payment/store.hpp"

namespace bookstore::payment::store {
namespace {

using storage::Sql;

constexpr auto file = "payment";

const std::string select_payments =
    "SELECT id, amount, order_id, status, type, customer_id FROM payment";
const Sql select_payment{file, select_payments + " WHERE id = ?1"};
const Sql select_of_order{file, select_payments + " WHERE order_id = ?1"};

const std::string select_records =
    "SELECT id, order_id, status, cancel_wanted, call, amount IS NOT NULL FROM payment";
const Sql select_record{file, select_records + " WHERE id = ?1"};
const Sql select_record_of_order{file, select_records + " WHERE order_id = ?1"};
const Sql insert_payment{
    file,
    "INSERT INTO payment(order_id, amount, status, type, key, call, next_try, trace, customer_id) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
};
const Sql insert_numbered{
    file,
    "INSERT INTO payment(order_id, amount, status, type, key, call, next_try, trace, customer_id, "
    "nth_of_customer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
    "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM payment "
    "WHERE customer_id = ?9 AND nth_of_customer > 0))"
};
const Sql update_customer{
    file, "UPDATE payment SET customer_id = ?2 WHERE order_id = ?1 AND customer_id IS NULL"
};
const Sql update_standing{
    file,
    "UPDATE payment SET status = ?2, cancel_wanted = ?3, call = ?4, attempts = 0, next_try = ?5 "
    "WHERE id = ?1"
};
const Sql update_trace{file, "UPDATE payment SET trace = ?2 WHERE id = ?1"};
const Sql update_cancel_wanted{file, "UPDATE payment SET cancel_wanted = 1 WHERE id = ?1"};
const Sql update_next_try{
    file, "UPDATE payment SET attempts = attempts + 1, next_try = ?2 WHERE id = ?1"
};
const Sql select_due{
    file,
    "SELECT id, call, amount, key, attempts, trace, order_id FROM payment "
    "WHERE call = ?1 AND next_try > ?2 AND next_try <= ?3 ORDER BY next_try LIMIT ?4"
};
const Sql select_next_try{
    file, "SELECT next_try FROM payment WHERE call = ?1 AND next_try > ?2 ORDER BY next_try LIMIT 1"
};
const Sql update_some_next_tries{
    file,
    "UPDATE payment SET next_try = ?2 WHERE id IN "
    "(SELECT id FROM payment WHERE call = ?1 AND next_try > ?2 ORDER BY next_try LIMIT ?3)"
};

template <class T>
std::optional<T> one(
    storage::Connection& db, const Sql& sql, std::int64_t key, T (*read)(storage::Statement&)
) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? std::optional(read(row)) : std::nullopt;
}

Record record_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .standing =
            {.status = parse_word<PaymentStatus>(row.text(2)).value(),
             .cancel_wanted = row.integer(3) != 0,
             .call = row.null(4) ? std::nullopt : parse_word<Call>(row.text(4)),
             .has_amount = row.integer(5) != 0}
    };
}

std::optional<std::string_view> call_text(const Standing& standing) {
    return standing.call ? std::optional(word(*standing.call)) : std::nullopt;
}

}  // namespace

const kernel::TablePages pages{file, select_payments, "id", "payment", "paymentId"};
const kernel::FinderPages pages_of_customer{
    file, select_payments, "customer_id", "nth_of_customer", "payment", "paymentId", {}
};

std::int64_t insert(
    storage::Connection& db,
    const Payment& payment,
    const Standing& standing,
    std::string_view key,
    std::int64_t now_ms,
    std::string_view trace,
    bool numbered
) {
    const auto cents = payment.amount ? std::optional(payment.amount->cents()) : std::nullopt;
    const auto next_try_ms = standing.call ? std::optional(now_ms) : std::nullopt;
    db.prepare(numbered ? insert_numbered : insert_payment)
        .bind(
            payment.order_id,
            cents,
            word(standing.status),
            payment.type,
            key,
            call_text(standing),
            next_try_ms,
            trace,
            payment.customer_id
        )
        .run();
    return db.last_insert_id();
}

void learn_customer(storage::Connection& db, std::int64_t order_id, std::int64_t customer_id) {
    db.prepare(update_customer).bind(order_id, customer_id).run();
}

void number_by_customer(storage::Connection& db) {
    db.execute("UPDATE payment SET nth_of_customer = NULL WHERE nth_of_customer IS NOT NULL");
    db.execute(
        "UPDATE payment SET nth_of_customer = numbered.nth FROM "
        "(SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS nth "
        "FROM payment WHERE customer_id IS NOT NULL) AS numbered WHERE numbered.id = payment.id"
    );
}

std::optional<Record> find_record(storage::Connection& db, std::int64_t id) {
    return one(db, select_record, id, record_in);
}

std::optional<Record> find_record_of_order(storage::Connection& db, std::int64_t order_id) {
    return one(db, select_record_of_order, order_id, record_in);
}

void update(
    storage::Connection& db, std::int64_t id, const Standing& standing, std::int64_t now_ms
) {
    const auto next_try_ms = standing.call ? std::optional(now_ms) : std::nullopt;
    db.prepare(update_standing)
        .bind(id, word(standing.status), standing.cancel_wanted, call_text(standing), next_try_ms)
        .run();
}

void want_cancel(storage::Connection& db, std::int64_t id) {
    db.prepare(update_cancel_wanted).bind(id).run();
}

void set_trace(storage::Connection& db, std::int64_t id, std::string_view trace) {
    db.prepare(update_trace).bind(id, trace).run();
}

void try_again(storage::Connection& db, std::int64_t id, std::int64_t next_try_ms) {
    db.prepare(update_next_try).bind(id, next_try_ms).run();
}

bool try_some_now(storage::Connection& db, std::int64_t now_ms) {
    constexpr std::int64_t some = 1024;
    bool more = false;
    for (const Call call : {Call::refund, Call::charge}) {
        db.prepare(update_some_next_tries).bind(word(call), now_ms, some).run();
        more = more || db.changes() == some;
    }
    return more;
}

std::vector<Intent> due(storage::Connection& db, Call call, bus::DueSpan span, std::size_t limit) {
    std::vector<Intent> intents;
    auto row = db.prepare(select_due);
    row.bind(word(call), span.after_ms, span.to_ms, limit);
    while (row.step()) {
        intents.push_back(
            {.id = row.integer(0),
             .call = parse_word<Call>(row.text(1)).value(),
             .amount = Money::from_cents(row.integer(2)),
             .key = row.string(3),
             .attempts = row.integer(4),
             .trace = row.string(5),
             .order_id = row.integer(6)}
        );
    }
    return intents;
}

std::optional<std::int64_t> next_try(storage::Connection& db, Call call, std::int64_t now_ms) {
    auto row = db.prepare(select_next_try);
    row.bind(word(call), now_ms);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

Payment payment_in(storage::Statement& row) {
    const auto cents = row.optional_integer(1);
    return {
        .id = row.integer(0),
        .amount = cents ? std::optional(Money::from_cents(*cents)) : std::nullopt,
        .order_id = row.integer(2),
        .status = parse_word<PaymentStatus>(row.text(3)).value(),
        .type = row.optional_string(4),
        .customer_id = row.optional_integer(5).value_or(0)
    };
}

std::optional<Payment> find(storage::Connection& db, std::int64_t id) {
    return one(db, select_payment, id, payment_in);
}

std::optional<Payment> find_of_order(storage::Connection& db, std::int64_t order_id) {
    return one(db, select_of_order, order_id, payment_in);
}

}  // namespace bookstore::payment::store
