#pragma once

#include "kernel/hal.hpp"
#include "kernel/module.hpp"

namespace bookstore::customer {

inline constexpr kernel::Resource customers{"customers", "customer", "customerId"};
inline constexpr kernel::Resource my_pages{"myPages", "myPage", "id", true};

void add_customer_routes(kernel::Module& module);
void add_my_page_routes(kernel::Module& module);

}  // namespace bookstore::customer
