#pragma once

#include "bus/unit_of_work.hpp"
#include "modules/inventory/events.hpp"

// What its own events say is so, though its file does not know (kernel::Module::takes_back). Stock
// that was given away is stock that had come in, whoever brought it.

namespace bookstore::inventory {

void take_back_registered(const BookRegistered& registered, bus::UnitOfWork& work);
void take_back_deleted(const BookDeleted& deleted, bus::UnitOfWork& work);
/// Throws where there is no such book.
void take_back_increased(const InventoryIncreased& increased, bus::UnitOfWork& work);
/// Throws where there is no deliverable of that order.
void take_back_prepared(const DeliveryPrepared& prepared, bus::UnitOfWork& work);

}  // namespace bookstore::inventory
