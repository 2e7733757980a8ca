#include "modules/order/policies.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "modules/order/store.hpp"

namespace bookstore::order {
namespace {

OrderStatus known_status(bus::UnitOfWork& work, std::int64_t id) {
    const auto status = store::status_of(work.db(), id);
    if (!status) {
        throw std::logic_error(fmt::format("there is no order {}", id));
    }
    return *status;
}

void move_to(
    bus::UnitOfWork& work,
    std::int64_t id,
    OrderStatus before,
    std::optional<OrderStatus> after,
    std::string_view event
) {
    if (after) {
        store::set_status(work.db(), id, *after);
    } else {
        spdlog::debug("order {} is {}: {} changes nothing", id, word(before), event);
    }
}

}  // namespace

void mark_prepared(const inventory::DeliveryPrepared& prepared, bus::UnitOfWork& work) {
    const OrderStatus status = known_status(work, prepared.order_id);
    move_to(work, prepared.order_id, status, after_prepared(status), prepared.event_type);
}

void follow_delivery(const delivery::DeliveryStatusChanged& changed, bus::UnitOfWork& work) {
    const auto delivery = parse_word<OrderStatus>(changed.delivery_status);
    if (!delivery) {
        throw std::invalid_argument("no delivery status: " + changed.delivery_status);
    }
    const OrderStatus status = known_status(work, changed.order_id);
    move_to(work, changed.order_id, status, after_delivery(status, *delivery), changed.event_type);
}

}  // namespace bookstore::order
