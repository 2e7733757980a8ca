#pragma once

#include "kernel/module.hpp"

namespace bookstore::delivery {

/// Deliveries: created when ordered, shipped when prepared, moved on by a courier.
void install(kernel::Module& module);

}  // namespace bookstore::delivery
