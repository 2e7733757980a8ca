#pragma once

#include "kernel/module.hpp"
#include "modules/order/events.hpp"
#include "modules/payment/module.hpp"

namespace bookstore::payment {

/// Whenever Ordered: an intent to charge is stored; with nothing to charge it is complete at once.
/// VAN's key is the event's identity: handled anew in a file that was restored, it gets the same.
void charge_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work, bool keeps_owners);

/// Whenever OrderCanceled: what was charged goes back; a charge under way runs to its answer first.
void refund_when_canceled(const order::OrderCanceled& canceled, bus::UnitOfWork& work);

/// The payment came to that, as the log has it, though its file does not know: VAN is not asked any
/// more. Throws where it has no payment of that order.
void take_back(std::int64_t order_id, std::string_view pay_status, bus::UnitOfWork& work);
template <class PaymentEvent>
void take_back(const PaymentEvent& event, bus::UnitOfWork& work) {
    take_back(event.order_id, event.pay_status, work);
}

/// Ask VAN for what is stored as an intent, until it answers: a task for charges and one for
/// refunds, so that neither waits for the other.
void add_van_tasks(kernel::Module& module, const VanPort& van, const Options& options);

/// VAN answers again: what waits for it is asked for now. Any thread.
void ask_now(kernel::Module& module);

}  // namespace bookstore::payment
