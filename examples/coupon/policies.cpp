#include "coupon/policies.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "coupon/coupon.hpp"
#include "coupon/events.hpp"
#include "coupon/store.hpp"

namespace bookstore::coupon {

void remember_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work) {
    store::remember_customer(work.db(), ordered.order_id, ordered.customer_id);
}

void issue_when_delivered(const delivery::DeliveryStatusChanged& changed, bus::UnitOfWork& work) {
    if (!earns_coupon(changed.delivery_status)) {
        return;
    }
    const auto customer = store::customer_of(work.db(), changed.order_id);
    if (!customer) {
        throw std::logic_error(fmt::format("nobody ordered order {}", changed.order_id));
    }
    const auto coupon = store::issue(work.db(), changed.order_id, *customer);
    if (!coupon) {
        spdlog::debug("order {} has its coupon already", changed.order_id);
        return;
    }
    work.publish(CouponIssued{coupon->id, coupon->order_id, coupon->customer_id});
}

void follow_coupons(bus::Policies& policies, bool rebuilt) {
    policies.whenever<CouponIssued>(
        "count the customer's coupons",
        bus::Effect::replayable,
        [rebuilt](const CouponIssued& issued, bus::UnitOfWork& work) {
            store::add_to_balance(work.db(), issued.customer_id, rebuilt);
        }
    );
}

}  // namespace bookstore::coupon
