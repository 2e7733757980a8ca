#pragma once

#include "bus/policies.hpp"
#include "modules/delivery/events.hpp"
#include "modules/order/events.hpp"

namespace bookstore::coupon {

/// Whenever Ordered: who ordered is remembered, for DeliveryStatusChanged does not say.
void remember_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work);

/// Whenever DeliveryStatusChanged: an order that was delivered earns a coupon, once; published.
void issue_when_delivered(const delivery::DeliveryStatusChanged& changed, bus::UnitOfWork& work);

/// The read model coupon-balance follows the coupons.
void follow_coupons(bus::Policies& policies, bool rebuilt);

}  // namespace bookstore::coupon
