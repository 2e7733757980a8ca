#pragma once

#include <cstdint>

#include "kernel/context.hpp"
#include "storage/connection.hpp"

namespace bookstore::inventory {

/// Books and their stock, stock inputs, and deliverables, the picking list of each order.
kernel::Context context();

/// Is there such a book? What `order` asks.
bool has_book(storage::Connection& db, std::int64_t id);

}  // namespace bookstore::inventory
