#include "modules/customer/module.hpp"

#include "modules/customer/policies.hpp"
#include "modules/customer/routes.hpp"
#include "modules/customer/store.hpp"

namespace bookstore::customer {

void install(kernel::Module& module) {
    add_customer_routes(module);
    add_my_page_routes(module);
    module.read_model("my-page", "my_page", follow_orders);
}

bool has_customer(storage::Connection& db, std::int64_t id) {
    return store::find(db, id).has_value();
}

}  // namespace bookstore::customer
