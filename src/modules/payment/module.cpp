#include "modules/payment/module.hpp"

#include <utility>

#include "kernel/collection.hpp"
#include "modules/payment/events.hpp"
#include "modules/payment/policies.hpp"
#include "modules/payment/store.hpp"
#include "modules/payment/story.hpp"

namespace bookstore::payment {
namespace {

using bus::Effect;

constexpr kernel::Resource payments{"payments", "payment", "paymentId", true};

const kernel::Items<Payment> payment_items{
    .read = store::payment_in,
    .find = store::find,
    .example =
        {.id = 1,
         .amount = Money::from_cents(100'000),
         .order_id = 1,
         .status = PaymentStatus::completed,
         .type = "ONCE"}
};

void install(kernel::Module& module, const VanPort& van, const Options& options) {
    kernel::Collection<Payment>(
        module, payments, payment_items, http::Role::customer | http::Role::customer_operator
    )
        .list(store::pages)
        .show()
        .find_one("findByOrderId", "orderId", store::find_of_order);
    module.publishes<Payed, PaymentFailed, PaymentCanceled>();
    module.policies("payment")
        .whenever<order::Ordered>("charge what is to be paid", Effect::durable, charge_when_ordered)
        .whenever<order::OrderCanceled>("refund", Effect::durable, refund_when_canceled);
    module.takes_back<Payed>(take_back<Payed>);
    module.takes_back<PaymentFailed>(take_back<PaymentFailed>);
    module.takes_back<PaymentCanceled>(take_back<PaymentCanceled>);
    module.count_events(
        {.name = "bookstore_payments_total",
         .help = "Payments that came to that result (canceled: refunded).",
         .label = "result",
         .of =
             {{"completed", Payed::event_type},
              {"failed", PaymentFailed::event_type},
              {"canceled", PaymentCanceled::event_type}}}
    );
    add_van_tasks(module, van, options);
}

}  // namespace

kernel::Context context(
    std::function<VanPort(kernel::Wiring&, const Clock&)> van, const Options& options
) {
    return {
        .name = "payment",
        .holds = "the payments",
        .needs = {"van"},
        .install = [van = std::move(van), options](
                       kernel::Module& module, kernel::Wiring& wiring
                   ) { install(module, van(wiring, module.clock()), options); },
        .retry_waiting = ask_now,
        .story = story(),
        .tables = {{"payment", "payments"}}
    };
}

}  // namespace bookstore::payment
