#include "modules/delivery/module.hpp"

#include "check/own_checks.hpp"
#include "kernel/module.hpp"
#include "modules/delivery/events.hpp"
#include "modules/delivery/policies.hpp"
#include "modules/delivery/routes.hpp"
#include "modules/delivery/store.hpp"
#include "modules/delivery/story.hpp"

namespace bookstore::delivery {
namespace {

using bus::Effect;

void learn_customer(storage::Connection& db, const order::Ordered& ordered) {
    store::learn_customer(db, ordered.order_id, ordered.customer_id);
}

void install(kernel::Module& module) {
    add_routes(module);
    module.publishes<DeliveryStatusChanged>();
    module.policies("delivery")
        .whenever<order::Ordered>(
            "create the delivery",
            Effect::replayable,
            [keeps_owners = module.keeps_owners()](
                const order::Ordered& ordered, bus::UnitOfWork& work
            ) { create_when_ordered(ordered, work, keeps_owners); }
        )
        .whenever<inventory::DeliveryPrepared>("ship it", Effect::durable, ship_when_prepared)
        .whenever<order::OrderCanceled>(
            "cancel it, or recall it", Effect::durable, recall_when_canceled
        );
    module.takes_back<DeliveryStatusChanged>(take_back);
    module.backfill<order::Ordered>("customers", learn_customer, store::number_by_customer);
}

}  // namespace

kernel::Context context() {
    return {
        .name = "delivery",
        .holds = "the deliveries",
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .story = story(),
        .tables = {{"delivery", "deliveries"}},
        .check = [](const check::ContextView& view
                 ) { check::check_nth_of_customer(view, "delivery"); }
    };
}

}  // namespace bookstore::delivery
