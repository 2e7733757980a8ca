#pragma once

#include "bus/unit_of_work.hpp"
#include "modules/delivery/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/events.hpp"

namespace bookstore::delivery {

/// Whenever Ordered: the delivery is created; no event.
void create_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work, bool keeps_owners);

/// Whenever DeliveryPrepared: what was created is shipped, and published.
void ship_when_prepared(const inventory::DeliveryPrepared& prepared, bus::UnitOfWork& work);

/// Whenever OrderCanceled: it is canceled, or recalled if it is on its way, and published.
void recall_when_canceled(const order::OrderCanceled& canceled, bus::UnitOfWork& work);

/// It is where its own event says, though its file does not know. Throws where there is none.
void take_back(const DeliveryStatusChanged& changed, bus::UnitOfWork& work);

}  // namespace bookstore::delivery
