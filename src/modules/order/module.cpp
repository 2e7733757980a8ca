#include "modules/order/module.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "kernel/module.hpp"
#include "kernel/write_repeatedly.hpp"
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
    module.takes_back<Ordered>(take_back_ordered);
    module.takes_back<OrderCanceled>(take_back_canceled);
    module.policies("order")
        .whenever<inventory::DeliveryPrepared>(
            "mark it prepared", Effect::replayable, mark_prepared
        )
        .whenever<delivery::DeliveryStatusChanged>(
            "follow the delivery", Effect::replayable, follow_delivery
        );
    add_verification_tasks(module, ports);
}

void verify_now(kernel::Module& module, bool refused) {
    kernel::write_repeatedly(module, [refused](bus::UnitOfWork& work) {
        return store::try_some_now(work.db(), refused, work.now_ms());
    });
}

/// Verifies the orders that wait for an answer; those that were refused too when it is called for
/// the first time, which is when the process starts. Any thread.
std::function<void(kernel::Module&)> verify_waiting() {
    return [started = std::make_shared<std::atomic<bool>>(false)](kernel::Module& module) {
        verify_now(module, false);
        if (!started->exchange(true)) {
            verify_now(module, true);
        }
    };
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
        .retry_waiting = verify_waiting(),
        .story = story(),
        .tables = {{"orders", "orders"}},
        .check = check_file
    };
}

}  // namespace bookstore::order
