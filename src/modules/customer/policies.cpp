#include "modules/customer/policies.hpp"

#include "modules/customer/store.hpp"
#include "modules/delivery/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/events.hpp"
#include "modules/payment/events.hpp"

namespace bookstore::customer {
namespace {

using bus::Effect;
using bus::UnitOfWork;
using store::MyPageRows;

// What an order usually is when the event comes: then one statement looks and writes.
constexpr std::string_view usual_before_prepared = "ORDERED";
constexpr std::string_view usual_before_delivery = "Delivery_Prepared";

void list_order(const MyPageRows& rows, const order::Ordered& ordered, UnitOfWork& work) {
    const MyPage page{
        .id = 0,
        .customer_id = ordered.customer_id,
        .customer_name = std::nullopt,
        .order_id = ordered.order_id,
        .book_id = ordered.book_id,
        .quantity = ordered.quantity,
        .delivery_address = ordered.delivery_address,
        .order_status = ordered.order_status,
        .delivery_status = std::nullopt,
        .delivery_id = std::nullopt,
        .pay_amount = ordered.pay_amount,
        .pay_status = std::nullopt,
        .ordered_at = {},
    };
    rows.insert(work.db(), page, work.cause()->time_ms);
}

void mark_prepared(
    const MyPageRows& rows, const inventory::DeliveryPrepared& prepared, UnitOfWork& work
) {
    const auto set = [&](std::string_view before) {
        return rows.set_order_status(work.db(), prepared.order_id, before, after_prepared(before));
    };
    if (!set(usual_before_prepared)) {
        set(rows.order_status(work.db(), prepared.order_id));
    }
}

void follow_delivery(
    const MyPageRows& rows, const delivery::DeliveryStatusChanged& changed, UnitOfWork& work
) {
    const auto set = [&](std::string_view before) {
        return rows.set_delivery(
            work.db(),
            changed.order_id,
            before,
            after_delivery(before, changed.delivery_status),
            changed.delivery_status,
            changed.id
        );
    };
    if (!set(usual_before_delivery)) {
        set(rows.order_status(work.db(), changed.order_id));
    }
}

template <class PaymentEvent>
void follow_payment(const MyPageRows& rows, const PaymentEvent& event, UnitOfWork& work) {
    rows.set_pay_status(work.db(), event.order_id, event.pay_status);
}

}  // namespace

void follow_orders(bus::Subscription& subscription, bool rebuilt) {
    const MyPageRows rows(rebuilt);
    subscription
        .on<order::Ordered>(
            Effect::replayable,
            [rows](const order::Ordered& event, UnitOfWork& work) { list_order(rows, event, work); }
        )
        .on<order::OrderCanceled>(
            Effect::replayable,
            [rows](const order::OrderCanceled& event, UnitOfWork& work) {
                rows.cancel(work.db(), event.order_id, event.status);
            }
        )
        .on<inventory::DeliveryPrepared>(
            Effect::replayable,
            [rows](const inventory::DeliveryPrepared& event, UnitOfWork& work) {
                mark_prepared(rows, event, work);
            }
        )
        .on<delivery::DeliveryStatusChanged>(
            Effect::replayable,
            [rows](const delivery::DeliveryStatusChanged& event, UnitOfWork& work) {
                follow_delivery(rows, event, work);
            }
        )
        .on<payment::Payed>(
            Effect::replayable,
            [rows](const payment::Payed& event, UnitOfWork& work) {
                follow_payment(rows, event, work);
            }
        )
        .on<payment::PaymentFailed>(
            Effect::replayable,
            [rows](const payment::PaymentFailed& event, UnitOfWork& work) {
                follow_payment(rows, event, work);
            }
        )
        .on<payment::PaymentCanceled>(
            Effect::replayable,
            [rows](const payment::PaymentCanceled& event, UnitOfWork& work) {
                follow_payment(rows, event, work);
            }
        );
}

}  // namespace bookstore::customer
