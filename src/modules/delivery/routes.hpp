#pragma once

#include "kernel/hal.hpp"
#include "kernel/module.hpp"

namespace bookstore::delivery {

inline constexpr kernel::Resource deliveries{"deliveries", "delivery", "id", true};

void add_routes(kernel::Module& module);

}  // namespace bookstore::delivery
