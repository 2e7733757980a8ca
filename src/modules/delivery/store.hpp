#pragma once

#include <cstdint>
#include <optional>

#include "kernel/paging.hpp"
#include "modules/delivery/delivery.hpp"
#include "storage/connection.hpp"

// The delivery context's SQL.

namespace bookstore::delivery::store {

/// `numbered`: among those of its customer.
void insert(storage::Connection& db, const Delivery& delivery, bool numbered);
void set_status(storage::Connection& db, std::int64_t id, DeliveryStatus status);
std::optional<Delivery> find(storage::Connection& db, std::int64_t id);
std::optional<Delivery> find_of_order(storage::Connection& db, std::int64_t order_id);
Delivery delivery_in(storage::Statement& row);
extern const kernel::TablePages pages;
extern const kernel::FinderPages pages_of_customer;

// ---- of deliveries that were made without it

void learn_customer(storage::Connection& db, std::int64_t order_id, std::int64_t customer_id);
void number_by_customer(storage::Connection& db);

}  // namespace bookstore::delivery::store
