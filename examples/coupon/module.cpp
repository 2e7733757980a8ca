#include "coupon/module.hpp"

#include "check/findings.hpp"
#include "check/own_checks.hpp"
#include "check/sqlite_file.hpp"
#include "coupon/coupon.hpp"
#include "coupon/events.hpp"
#include "coupon/policies.hpp"
#include "coupon/store.hpp"
#include "kernel/collection.hpp"
#include "kernel/module.hpp"

namespace bookstore::coupon {
namespace {

using bus::Effect;

constexpr kernel::Resource coupons{"coupons", "coupon", "couponId", true};
constexpr kernel::Resource balances{"couponBalances", "couponBalance", "id", true};

const kernel::Items<Coupon> coupon_items{
    .read = store::coupon_in,
    .find = store::find,
    .example = {.id = 1, .order_id = 1, .customer_id = 1}
};
const kernel::Items<Balance> balance_items{
    .read = store::balance_in,
    .find = store::find_balance,
    .example = {.id = 1, .customer_id = 1, .coupons = 3}
};

void install(kernel::Module& module) {
    kernel::Collection<Coupon>(module, coupons, coupon_items, http::Role::customer_operator)
        .list(store::pages)
        .show()
        .find_pages("findByCustomerId", "customerId", store::pages_of_customer);
    kernel::Collection<Balance>(module, balances, balance_items, http::Role::customer_operator)
        .list(store::balance_pages)
        .show()
        .find_one("findByCustomerId", "customerId", store::balance_of);
    module.publishes<CouponIssued>();
    module.policies("coupon")
        .whenever<order::Ordered>("remember who ordered", Effect::replayable, remember_when_ordered)
        .whenever<delivery::DeliveryStatusChanged>(
            "issue a coupon for what was delivered", Effect::durable, issue_when_delivered
        );
    module.read_model("coupon-balance", "coupon_balance", follow_coupons);
}

/// What `bookstore check` asks of coupon.db, beside what it asks of every context's file.
void check_file(const check::ContextView& view) {
    check::check_nth_of_customer(view, "coupon");
    auto rows = view.file.rows(
        "SELECT coupon.id FROM coupon LEFT JOIN customer_of_order USING (order_id) "
        "WHERE customer_of_order.customer_id IS NOT coupon.customer_id"
    );
    while (rows.next()) {
        view.findings.add("coupon {} is not of its order's customer", rows.integer(0));
    }
}

}  // namespace

kernel::Context context() {
    return {
        .name = "coupon",
        .holds = "the coupons",
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .tables = {{"coupon", "coupons"}, {"coupon_balance", "coupon balances"}},
        .check = check_file
    };
}

}  // namespace bookstore::coupon
