#pragma once

#include "kernel/hal.hpp"
#include "kernel/module.hpp"
#include "modules/order/module.hpp"

namespace bookstore::order {

inline constexpr kernel::Resource orders{"orders", "order", "orderId", true};

void add_routes(kernel::Module& module, const Ports& ports);

}  // namespace bookstore::order
