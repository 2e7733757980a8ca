#include "coupon/store.hpp"

namespace bookstore::coupon::store {
namespace {

using storage::Sql;

constexpr auto file = "coupon";

const Sql insert_customer{
    file, "INSERT INTO customer_of_order(order_id, customer_id) VALUES (?1, ?2)"
};
const Sql select_customer{file, "SELECT customer_id FROM customer_of_order WHERE order_id = ?1"};

const std::string select_coupons = "SELECT id, order_id, customer_id FROM coupon";
const Sql select_coupon{file, select_coupons + " WHERE id = ?1"};
const Sql insert_coupon{
    file,
    "INSERT INTO coupon(order_id, customer_id, nth_of_customer) VALUES (?1, ?2, "
    "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM coupon WHERE customer_id = ?2)) "
    "ON CONFLICT (order_id) DO NOTHING"
};

const std::string select_balances = "SELECT id, customer_id, coupons FROM coupon_balance";
const Sql select_balance{file, select_balances + " WHERE id = ?1"};
const Sql select_balance_of{file, select_balances + " WHERE customer_id = ?1"};
const std::string add_one =
    "(customer_id, coupons) VALUES (?1, 1) "
    "ON CONFLICT (customer_id) DO UPDATE SET coupons = coupons + 1";
const Sql add_served{file, "INSERT INTO coupon_balance" + add_one};
const Sql add_rebuilt{file, "INSERT INTO coupon_balance_rebuild" + add_one};

template <class T>
std::optional<T> one(
    storage::Connection& db, const Sql& sql, std::int64_t key, T (*read)(storage::Statement&)
) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? std::optional(read(row)) : std::nullopt;
}

}  // namespace

const kernel::TablePages pages{file, select_coupons, "id", "coupon", "couponId"};
const kernel::FinderPages pages_of_customer{
    file, select_coupons, "customer_id", "nth_of_customer", "coupon", "couponId", "customerId"
};
const kernel::TablePages balance_pages{file, select_balances, "id", "coupon_balance", "id"};

void remember_customer(storage::Connection& db, std::int64_t order_id, std::int64_t customer_id) {
    db.prepare(insert_customer).bind(order_id, customer_id).run();
}

std::optional<std::int64_t> customer_of(storage::Connection& db, std::int64_t order_id) {
    auto row = db.prepare(select_customer);
    row.bind(order_id);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

std::optional<Coupon> issue(
    storage::Connection& db, std::int64_t order_id, std::int64_t customer_id
) {
    db.prepare(insert_coupon).bind(order_id, customer_id).run();
    if (db.changes() == 0) {
        return std::nullopt;
    }
    return Coupon{.id = db.last_insert_id(), .order_id = order_id, .customer_id = customer_id};
}

std::optional<Coupon> find(storage::Connection& db, std::int64_t id) {
    return one(db, select_coupon, id, coupon_in);
}

Coupon coupon_in(storage::Statement& row) {
    return {.id = row.integer(0), .order_id = row.integer(1), .customer_id = row.integer(2)};
}

void add_to_balance(storage::Connection& db, std::int64_t customer_id, bool rebuilt) {
    db.prepare(rebuilt ? add_rebuilt : add_served).bind(customer_id).run();
}

std::optional<Balance> find_balance(storage::Connection& db, std::int64_t id) {
    return one(db, select_balance, id, balance_in);
}

std::optional<Balance> balance_of(storage::Connection& db, std::int64_t customer_id) {
    return one(db, select_balance_of, customer_id, balance_in);
}

Balance balance_in(storage::Statement& row) {
    return {.id = row.integer(0), .customer_id = row.integer(1), .coupons = row.integer(2)};
}

}  // namespace bookstore::coupon::store
