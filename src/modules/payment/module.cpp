#include "modules/payment/module.hpp"

#include <fmt/format.h>

#include "kernel/fields.hpp"
#include "kernel/paging.hpp"
#include "modules/payment/policies.hpp"
#include "modules/payment/store.hpp"

namespace bookstore::payment {
namespace {

using http::Answer;
using http::Method;
using http::Request;

constexpr kernel::Resource payments{"payments", "payment", "paymentId", true};

/// GET /payments
Answer list_payments(const Request& request, storage::Connection& db) {
    return store::pages.answer(
        request,
        payments,
        db,
        [](kernel::CollectionWriter& writer, storage::Statement& row) {
            const Payment payment = store::payment_in(row);
            writer.add(payment.id, payment);
        }
    );
}

/// GET /payments/{id}
Answer show_payment(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto payment = store::find(db, *id);
    if (!payment) {
        return kernel::not_found(payments, *id);
    }
    return kernel::item_response(request, payments, *id, *payment);
}

/// GET /payments/search/findByOrderId?orderId=N
Answer find_by_order(const Request& request, storage::Connection& db) {
    const auto id = kernel::query_id(request, "orderId");
    if (!id) {
        return id.error();
    }
    const auto payment = store::find_of_order(db, *id);
    if (!payment) {
        return kernel::problem(404, fmt::format("there is no payment of order {}", *id));
    }
    return kernel::item_response(request, payments, payment->id, *payment);
}

}  // namespace

void install(kernel::Module& module, const VanPort& van, const Options& options) {
    module.query(Method::get, "/payments", list_payments);
    module.query(Method::get, "/payments/{id}", show_payment);
    module.query(Method::get, "/payments/search/findByOrderId", find_by_order);
    kernel::add_search(module, payments, {{"findByOrderId", "{?orderId}"}});
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
