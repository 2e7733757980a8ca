#pragma once

#include "bus/policies.hpp"

namespace bookstore::customer {

/// My Page follows the events of orders: those rows that are served, or their second set.
void follow_orders(bus::Policies& policies, bool rebuilt);

}  // namespace bookstore::customer
