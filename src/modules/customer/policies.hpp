#pragma once

#include "bus/policies.hpp"
#include "modules/customer/events.hpp"

namespace bookstore::customer {

/// My Page follows the events of orders: those rows that are served, or their second set.
void follow_orders(bus::Policies& policies, bool rebuilt);

/// The customer is there, though its file does not know; under what name no event tells.
void take_back_registered(const Registered& registered, bus::UnitOfWork& work);
/// It is gone.
void take_back_deleted(const Deleted& deleted, bus::UnitOfWork& work);

}  // namespace bookstore::customer
