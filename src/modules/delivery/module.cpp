#include "modules/delivery/module.hpp"

#include "kernel/module.hpp"
#include "modules/delivery/events.hpp"
#include "modules/delivery/policies.hpp"
#include "modules/delivery/routes.hpp"
#include "modules/delivery/story.hpp"

namespace bookstore::delivery {
namespace {

using bus::Effect;

void install(kernel::Module& module) {
    add_routes(module);
    module.publishes<DeliveryStatusChanged>();
    module.policies("delivery")
        .whenever<order::Ordered>("create the delivery", Effect::replayable, create_when_ordered)
        .whenever<inventory::DeliveryPrepared>("ship it", Effect::durable, ship_when_prepared)
        .whenever<order::OrderCanceled>(
            "cancel it, or recall it", Effect::durable, recall_when_canceled
        );
    module.takes_back<DeliveryStatusChanged>(take_back);
}

}  // namespace

kernel::Context context() {
    return {
        .name = "delivery",
        .holds = "the deliveries",
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .story = story(),
        .tables = {{"delivery", "deliveries"}}
    };
}

}  // namespace bookstore::delivery
