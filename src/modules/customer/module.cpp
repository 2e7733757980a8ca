#include "modules/customer/module.hpp"

#include "check/own_checks.hpp"
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
    module.takes_back<Registered>(take_back_registered);
    module.takes_back<Changed>([](const Changed&, bus::UnitOfWork&) {}
    );  // into what, it does not tell
    module.takes_back<Deleted>(take_back_deleted);
    module.read_model("my-page", "my_page", follow_orders);
}

void check_file(const check::ContextView& view) {
    check::check_announced(view, "customer", Registered::event_type, Deleted::event_type);
    check::check_nth_of_customer(view, "my_page");
}

}  // namespace

kernel::Context context() {
    return {
        .name = "customer",
        .holds = "the customers, and My Page",
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .tables = {{"customer", "customers"}, {"my_page", "my pages"}},
        .check = check_file
    };
}

bool has_customer(storage::Connection& db, std::int64_t id) {
    return store::find(db, id).has_value();
}

}  // namespace bookstore::customer
