#include "modules/order/module.hpp"

#include "modules/delivery/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/policies.hpp"
#include "modules/order/routes.hpp"
#include "modules/order/store.hpp"
#include "modules/order/verification.hpp"

namespace bookstore::order {

void install(kernel::Module& module, const Ports& ports) {
    add_routes(module, ports);
    module.subscription("order")
        .on<inventory::DeliveryPrepared>(bus::Effect::replayable, mark_prepared)
        .on<delivery::DeliveryStatusChanged>(bus::Effect::replayable, follow_delivery);
    add_verification_task(module, ports);
}

void verify_now(kernel::Module& module) {
    module.write(
        [](bus::UnitOfWork& work) -> http::Answer {
            store::try_all_now(work.db(), work.now_ms());
            return http::Response{};
        },
        [](const http::Answer&) {}
    );
}

}  // namespace bookstore::order
