#include "modules/payment/module.hpp"

#include <utility>

#include "check/own_checks.hpp"
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
    .owner = [](const Payment& payment) { return payment.customer_id; },
    .example =
        {.id = 1,
         .amount = Money::from_cents(100'000),
         .order_id = 1,
         .status = PaymentStatus::completed,
         .type = "ONCE"}
};

void learn_customer(storage::Connection& db, const order::Ordered& ordered) {
    store::learn_customer(db, ordered.order_id, ordered.customer_id);
}

void install(kernel::Module& module, const VanPort& van, const Options& options) {
    kernel::Collection<Payment>(
        module, payments, payment_items, http::Role::customer | http::Role::customer_operator
    )
        .list(store::pages, &store::pages_of_customer)
        .show()
        .find_one("findByOrderId", "orderId", store::find_of_order);
    module.publishes<Payed, PaymentFailed, PaymentCanceled>();
    module.policies("payment")
        .whenever<order::Ordered>(
            "charge what is to be paid",
            Effect::durable,
            [&module](const order::Ordered& ordered, bus::UnitOfWork& work) {
                charge_when_ordered(ordered, work, module.keeps_owners());
            }
        )
        .whenever<order::OrderCanceled>("refund", Effect::durable, refund_when_canceled);
    module.takes_back<Payed>(take_back<Payed>);
    module.takes_back<PaymentFailed>(take_back<PaymentFailed>);
    module.takes_back<PaymentCanceled>(take_back<PaymentCanceled>);
    module.backfill<order::Ordered>("customers", learn_customer, store::number_by_customer);
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
        .tables = {{"payment", "payments"}},
        .check = [](const check::ContextView& view
                 ) { check::check_nth_of_customer(view, "payment"); }
    };
}

}  // namespace bookstore::payment
