#pragma once

#include <cstdint>
#include <optional>

#include "coupon/coupon.hpp"
#include "kernel/paging.hpp"
#include "storage/connection.hpp"

// The coupon context's SQL.

namespace bookstore::coupon::store {

void remember_customer(storage::Connection& db, std::int64_t order_id, std::int64_t customer_id);
std::optional<std::int64_t> customer_of(storage::Connection& db, std::int64_t order_id);

/// The new coupon; nothing when the order has one already.
std::optional<Coupon> issue(
    storage::Connection& db, std::int64_t order_id, std::int64_t customer_id
);
std::optional<Coupon> find(storage::Connection& db, std::int64_t id);
Coupon coupon_in(storage::Statement& row);
extern const kernel::TablePages pages;
extern const kernel::FinderPages pages_of_customer;

/// `rebuilt`: in the second set of rows, while the read model is rebuilt.
void add_to_balance(storage::Connection& db, std::int64_t customer_id, bool rebuilt);
std::optional<Balance> find_balance(storage::Connection& db, std::int64_t id);
std::optional<Balance> balance_of(storage::Connection& db, std::int64_t customer_id);
Balance balance_in(storage::Statement& row);
extern const kernel::TablePages balance_pages;

}  // namespace bookstore::coupon::store
