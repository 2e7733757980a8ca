#pragma once

#include <cstdint>
#include <optional>

#include "kernel/paging.hpp"
#include "modules/delivery/delivery.hpp"
#include "storage/connection.hpp"

// The delivery context's SQL.

namespace bookstore::delivery::store {

void insert(storage::Connection& db, const Delivery& delivery);
void set_status(storage::Connection& db, std::int64_t id, DeliveryStatus status);
std::optional<Delivery> find(storage::Connection& db, std::int64_t id);
std::optional<Delivery> find_of_order(storage::Connection& db, std::int64_t order_id);
Delivery delivery_in(storage::Statement& row);
extern const kernel::TablePages pages;

}  // namespace bookstore::delivery::store
