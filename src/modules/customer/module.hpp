#pragma once

#include <cstdint>

#include "kernel/context.hpp"
#include "storage/connection.hpp"

namespace bookstore::customer {

/// Customers, and My Page, a read model of their orders.
kernel::Context context();

/// Is there such a customer? What `order` asks.
bool has_customer(storage::Connection& db, std::int64_t id);

}  // namespace bookstore::customer
