#include "modules/customer/module.hpp"

#include "kernel/module.hpp"
#include "modules/customer/events.hpp"
#include "modules/customer/policies.hpp"
#include "modules/customer/routes.hpp"
#include "modules/customer/store.hpp"

namespace bookstore::customer {

namespace {

void install(kernel::Module& module) {
    add_customer_routes(module);
    add_my_page_routes(module);
    module.publishes<Registered, Changed, Deleted>();
    module.read_model("my-page", "my_page", follow_orders);
}

}  // namespace

kernel::Context context() {
    return {
        .name = "customer",
        .holds = "the customers, and My Page",
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); }
    };
}

bool has_customer(storage::Connection& db, std::int64_t id) {
    return store::find(db, id).has_value();
}

}  // namespace bookstore::customer
