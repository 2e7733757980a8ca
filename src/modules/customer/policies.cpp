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

template <class PaymentEvent>
void follow_payment(const PaymentEvent& event, MyPageRows::State& row) {
    row.pay_status = event.pay_status;
}

void list_order(MyPageRows& rows, const order::Ordered& ordered, UnitOfWork& work) {
    MyPage page{
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
    rows.insert(std::move(page), work.cause()->time_ms);
}

}  // namespace

void follow_orders(bus::Policies& policies, bool rebuilt) {
    const auto rows = std::make_shared<MyPageRows>(rebuilt);
    const auto whenever =
        [&]<bus::Event E>(std::string_view sentence, void (*apply)(const E&, MyPageRows::State&)) {
            policies.whenever<E>(
                sentence,
                Effect::replayable,
                [rows, apply](const E& event, UnitOfWork& work) {
                    apply(event, rows->change(work.db(), event.order_id));
                }
            );
        };
    policies.keep_rows_in(rows).whenever<order::Ordered>(
        "list the order",
        Effect::replayable,
        [rows](const order::Ordered& event, UnitOfWork& work) { list_order(*rows, event, work); }
    );
    whenever(
        "show it canceled",
        +[](const order::OrderCanceled& event, MyPageRows::State& row) {
            row.order_status = event.status;
        }
    );
    whenever(
        "show it prepared",
        +[](const inventory::DeliveryPrepared&, MyPageRows::State& row) {
            row.order_status = after_prepared(row.order_status);
        }
    );
    whenever(
        "show where it is",
        +[](const delivery::DeliveryStatusChanged& event, MyPageRows::State& row) {
            row.order_status = after_delivery(row.order_status, event.delivery_status);
            row.delivery_status = event.delivery_status;
            row.delivery_id = event.id;
        }
    );
    whenever("show its payment", follow_payment<payment::Payed>);
    whenever("show its payment", follow_payment<payment::PaymentFailed>);
    whenever("show its payment", follow_payment<payment::PaymentCanceled>);
}

void take_back_registered(const Registered& registered, UnitOfWork& work) {
    store::insert_lost(work.db(), {registered.customer_id, text_of(registered.key())});
}

void take_back_deleted(const Deleted& deleted, UnitOfWork& work) {
    if (store::find(work.db(), deleted.customer_id)) {
        store::mark_deleted(work.db(), deleted.customer_id);
    }
}

}  // namespace bookstore::customer
