#include "modules/delivery/module.hpp"

#include "modules/delivery/policies.hpp"
#include "modules/delivery/routes.hpp"

namespace bookstore::delivery {

void install(kernel::Module& module) {
    add_routes(module);
    module.subscription("delivery")
        .on<order::Ordered>(bus::Effect::replayable, create_when_ordered)
        .on<inventory::DeliveryPrepared>(bus::Effect::durable, ship_when_prepared)
        .on<order::OrderCanceled>(bus::Effect::durable, recall_when_canceled);
}

}  // namespace bookstore::delivery
