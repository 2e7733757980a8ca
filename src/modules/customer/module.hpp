#pragma once

#include <cstdint>

#include "kernel/module.hpp"

namespace bookstore::customer {

/// Customers, and My Page, a read model of their orders.
void install(kernel::Module& module);

/// Is there such a customer? What `order` asks.
bool has_customer(storage::Connection& db, std::int64_t id);

}  // namespace bookstore::customer
