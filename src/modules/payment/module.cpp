#include "modules/payment/module.hpp"

#include "kernel/collection.hpp"
#include "modules/payment/policies.hpp"
#include "modules/payment/store.hpp"

namespace bookstore::payment {
namespace {

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

}  // namespace

void install(kernel::Module& module, const VanPort& van, const Options& options) {
    kernel::Collection<Payment>(module, payments, payment_items)
        .list(store::pages)
        .show()
        .find_one("findByOrderId", "orderId", store::find_of_order);
    module.subscription("payment")
        .on<order::Ordered>(
            bus::Effect::durable,
            [&module](const order::Ordered& ordered, bus::UnitOfWork& work) {
                charge_when_ordered(ordered, work, module.random());
            }
        )
        .on<order::OrderCanceled>(bus::Effect::durable, refund_when_canceled);
    add_van_task(module, van, options.van_timeout_ms, options.van_calls);
}

}  // namespace bookstore::payment
