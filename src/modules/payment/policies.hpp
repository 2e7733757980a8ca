#pragma once

#include "kernel/module.hpp"
#include "modules/order/events.hpp"
#include "modules/payment/module.hpp"

namespace bookstore::payment {

/// Whenever Ordered: an intent to charge is stored; with nothing to charge it is complete at once.
void charge_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work, Random& random);

/// Whenever OrderCanceled: what was charged goes back; a charge under way runs to its answer first.
void refund_when_canceled(const order::OrderCanceled& canceled, bus::UnitOfWork& work);

/// Ask VAN for what is stored as an intent, until it answers: a task for charges and one for
/// refunds, so that neither waits for the other.
void add_van_tasks(kernel::Module& module, const VanPort& van, const Options& options);

/// VAN answers again: what waits for it is asked for now. Any thread.
void ask_now(kernel::Module& module);

}  // namespace bookstore::payment
