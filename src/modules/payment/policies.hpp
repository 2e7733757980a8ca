#pragma once

#include "kernel/module.hpp"
#include "modules/order/events.hpp"
#include "modules/payment/module.hpp"

namespace bookstore::payment {

/// Whenever Ordered: an intent to charge is stored; with nothing to charge it is complete at once.
void charge_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work, Random& random);

/// Whenever OrderCanceled: what was charged goes back; a charge under way runs to its answer first.
void refund_when_canceled(const order::OrderCanceled& canceled, bus::UnitOfWork& work);

/// Asks VAN for what is stored as an intent, until it answers.
void add_van_task(
    kernel::Module& module, const VanPort& van, std::int64_t timeout_ms, std::size_t max_in_flight
);

}  // namespace bookstore::payment
