#pragma once

#include "bus/unit_of_work.hpp"
#include "modules/delivery/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/events.hpp"

namespace bookstore::order {

/// Whenever DeliveryPrepared: an order that is ORDERED is Delivery_Prepared.
void mark_prepared(const inventory::DeliveryPrepared& prepared, bus::UnitOfWork& work);

/// Whenever DeliveryStatusChanged: the order takes the delivery's status over, unless canceled.
void follow_delivery(const delivery::DeliveryStatusChanged& changed, bus::UnitOfWork& work);

/// It was placed, though its file does not know.
void take_back_ordered(const Ordered& ordered, bus::UnitOfWork& work);
/// It was canceled. Throws where there is no such order.
void take_back_canceled(const OrderCanceled& canceled, bus::UnitOfWork& work);

}  // namespace bookstore::order
