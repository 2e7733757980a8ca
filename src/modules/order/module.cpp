#include "modules/order/module.hpp"

#include <memory>
#include <variant>

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

}  // namespace bookstore::order
