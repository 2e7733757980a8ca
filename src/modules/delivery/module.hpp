#pragma once

#include "kernel/context.hpp"

namespace bookstore::delivery {

/// Deliveries: created when ordered, shipped when prepared, moved on by a courier.
kernel::Context context();

}  // namespace bookstore::delivery
