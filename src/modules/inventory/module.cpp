#include "modules/inventory/module.hpp"

#include "check/own_checks.hpp"
#include "kernel/module.hpp"
#include "modules/inventory/allocation.hpp"
#include "modules/inventory/events.hpp"
#include "modules/inventory/routes.hpp"
#include "modules/inventory/store.hpp"
#include "modules/inventory/story.hpp"
#include "modules/inventory/taking_back.hpp"

namespace bookstore::inventory {
namespace {

using bus::Effect;

/// The rest of the orders that wait for a book, when one transaction did not look at them all.
void add_serving_task(kernel::Module& module) {
    using Tasks = bus::Tasks<store::Serving>;
    Tasks::Spec spec;
    spec.name = "serve-waiting";
    spec.due = store::serving_due;
    spec.next_try = store::serving_next;
    spec.longest_wait_ms = 0;  // it is due at once
    spec.call = [](const store::Serving& intent, const Tasks::Done& done) {
        done([book_id = intent.id](bus::UnitOfWork& work) {
            go_on_serving(work, book_id);
            work.set_outcome("served");
        });
    };
    module.task<store::Serving>(std::move(spec));
}

void install(kernel::Module& module) {
    add_book_routes(module);
    add_stock_input_routes(module);
    add_deliverable_routes(module);
    module.publishes<BookRegistered, BookDeleted, InventoryIncreased, DeliveryPrepared>();
    module.takes_back<BookRegistered>(take_back_registered);
    module.takes_back<BookDeleted>(take_back_deleted);
    module.takes_back<InventoryIncreased>(take_back_increased);
    module.takes_back<DeliveryPrepared>(take_back_prepared);
    module.policies("inventory")
        .whenever<order::Ordered>("take stock or wait", Effect::durable, allocate_when_ordered)
        .whenever<order::OrderCanceled>(
            "return stock, serve who waits", Effect::durable, return_when_canceled
        );
    add_serving_task(module);
}

void check_file(const check::ContextView& view) {
    check::check_announced(view, "book", BookRegistered::event_type, BookDeleted::event_type);
}

}  // namespace

kernel::Context context() {
    return {
        .name = "inventory",
        .holds = "the books, their stock and the picking lists",
        .install = [](kernel::Module& module, kernel::Wiring&) { install(module); },
        .story = story(),
        .tables =
            {{"book", "books"}, {"stock_input", "stock inputs"}, {"deliverable", "deliverables"}},
        .check = check_file
    };
}

bool has_book(storage::Connection& db, std::int64_t id) {
    return store::find_book(db, id).has_value();
}

}  // namespace bookstore::inventory
