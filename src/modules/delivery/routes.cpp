#include "modules/delivery/routes.hpp"

#include <fmt/format.h>

#include "kernel/collection.hpp"
#include "modules/delivery/events.hpp"
#include "modules/delivery/store.hpp"

namespace bookstore::delivery {
namespace {

using http::Role;

const kernel::Items<Delivery> delivery_items{
    .read = store::delivery_in,
    .find = store::find,
    .owner = [](const Delivery& delivery) { return delivery.customer_id; },
    .example =
        {.id = 1,
         .order_id = 1,
         .delivery_address = "busan si",
         .delivery_status = DeliveryStatus::shipped}
};

/// What a courier may change.
const kernel::Fields<Delivery>& courier_fields() {
    static const auto fields = kernel::Fields<Delivery>().word(
        "deliveryStatus", &Delivery::delivery_status, {courier_words.begin(), courier_words.end()}
    );
    return fields;
}

/// A courier moves it on; DeliveryStatusChanged unless it is there already. 409 before it was
/// shipped and after it was canceled.
std::optional<http::Problem> move_delivery(
    bus::UnitOfWork& work, const Delivery& before, const Delivery& after
) {
    if (after.delivery_status == before.delivery_status) {
        return std::nullopt;
    }
    if (!courier_may_move(before.delivery_status)) {
        return kernel::problem(
            409,
            fmt::format(
                "delivery {} is {}; {}",
                before.id,
                word(before.delivery_status),
                before.delivery_status == DeliveryStatus::create_delivery
                    ? "its order is not prepared yet"
                    : "its order was canceled"
            )
        );
    }
    store::set_status(work.db(), after.id, after.delivery_status);
    work.publish(
        DeliveryStatusChanged{after.id, after.order_id, std::string(word(after.delivery_status))}
    );
    return std::nullopt;
}

}  // namespace

void add_routes(kernel::Module& module) {
    kernel::Collection<Delivery>(
        module, deliveries, delivery_items, {Role::courier | Role::customer, Role::courier}
    )
        .list(store::pages, &store::pages_of_customer)
        .show()
        .find_one("findFirstByOrderId", "orderId", store::find_of_order)
        .change(
            courier_fields(),
            {.id = "Delivery",
             .summary = "a delivery's status",
             .description = "What a courier does: its order and My Page follow.",
             .replies =
                 {{.status = 409, .description = "its order is not prepared yet, or was canceled"}}
            },
            move_delivery
        );
}

}  // namespace bookstore::delivery
