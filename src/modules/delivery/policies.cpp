#include "modules/delivery/policies.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "modules/delivery/events.hpp"
#include "modules/delivery/store.hpp"

namespace bookstore::delivery {
namespace {

Delivery known_delivery(bus::UnitOfWork& work, std::int64_t order_id) {
    auto delivery = store::find_of_order(work.db(), order_id);
    if (!delivery) {
        throw std::logic_error(fmt::format("there is no delivery of order {}", order_id));
    }
    return *std::move(delivery);
}

void move_to(
    bus::UnitOfWork& work,
    const Delivery& delivery,
    std::optional<DeliveryStatus> after,
    std::string_view event
) {
    if (!after) {
        spdlog::debug(
            "delivery {} is {}: {} changes nothing",
            delivery.id,
            word(delivery.delivery_status),
            event
        );
        return;
    }
    store::set_status(work.db(), delivery.id, *after);
    work.publish(DeliveryStatusChanged{delivery.id, delivery.order_id, std::string(word(*after))});
}

}  // namespace

void create_when_ordered(const order::Ordered& ordered, bus::UnitOfWork& work, bool keeps_owners) {
    store::insert(
        work.db(),
        {.id = 0,
         .order_id = ordered.order_id,
         .delivery_address = ordered.delivery_address,
         .delivery_status = DeliveryStatus::create_delivery,
         .customer_id = ordered.customer_id},
        keeps_owners
    );
}

void ship_when_prepared(const inventory::DeliveryPrepared& prepared, bus::UnitOfWork& work) {
    const Delivery delivery = known_delivery(work, prepared.order_id);
    move_to(work, delivery, after_prepared(delivery.delivery_status), prepared.event_type);
}

void recall_when_canceled(const order::OrderCanceled& canceled, bus::UnitOfWork& work) {
    const Delivery delivery = known_delivery(work, canceled.order_id);
    move_to(work, delivery, after_order_canceled(delivery.delivery_status), canceled.event_type);
}

void take_back(const DeliveryStatusChanged& changed, bus::UnitOfWork& work) {
    const Delivery delivery = known_delivery(work, changed.order_id);
    store::set_status(
        work.db(), delivery.id, parse_word<DeliveryStatus>(changed.delivery_status).value()
    );
}

}  // namespace bookstore::delivery
