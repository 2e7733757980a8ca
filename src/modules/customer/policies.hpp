#pragma once

#include "bus/subscription.hpp"

namespace bookstore::customer {

/// My Page follows the events of orders: those rows that are served, or their second set.
void follow_orders(bus::Subscription& subscription, bool rebuilt);

}  // namespace bookstore::customer
