#include "modules/order/module.hpp"

#include <memory>
#include <utility>
#include <variant>

#include "kernel/module.hpp"
#include "modules/delivery/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/check.hpp"
#include "modules/order/events.hpp"
#include "modules/order/policies.hpp"
#include "modules/order/routes.hpp"
#include "modules/order/store.hpp"
#include "modules/order/story.hpp"
#include "modules/order/verification.hpp"

namespace bookstore::order {
namespace {

using bus::Effect;

void install(kernel::Module& module, const Ports& ports) {
    add_routes(module, ports);
    module.publishes<Ordered, OrderCanceled>();
    module.policies("order")
        .whenever<inventory::DeliveryPrepared>(
            "mark it prepared", Effect::replayable, mark_prepared
        )
        .whenever<delivery::DeliveryStatusChanged>(
            "follow the delivery", Effect::replayable, follow_delivery
        );
    add_verification_task(module, ports);
}

/// A context that orders wait for came back: they are verified now. Any thread.
void verify_now(kernel::Module& module) {
    // A bounded number in one transaction, so that a million of them keep nobody waiting.
    auto more = std::make_shared<bool>(false);
    module.write(
        [more](bus::UnitOfWork& work) -> http::Answer {
            *more = store::try_some_now(work.db(), work.now_ms());
            return http::Response{};
        },
        [&module, more](const http::Answer& answer) {
            if (*more && std::holds_alternative<http::Response>(answer)) {
                verify_now(module);
            }
        }
    );
}

}  // namespace

kernel::Context context(std::function<Ports(kernel::Wiring&, const Clock&)> ports) {
    return {
        .name = "order",
        .holds = "the orders",
        .needs = {"customer", "inventory"},
        .install = [ports = std::move(ports)](
                       kernel::Module& module, kernel::Wiring& wiring
                   ) { install(module, ports(wiring, module.clock())); },
        .back = verify_now,
        .story = story(),
        .tables = {{"orders", "orders"}},
        .check = check_file
    };
}

}  // namespace bookstore::order
