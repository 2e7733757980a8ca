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

/// Changes the order's status by a rule: status before -> after, or nothing. Where the status is
/// the `usual` one, one statement both checks and changes it.
template <class Rule>
void move_on(
    bus::UnitOfWork& work,
    std::int64_t id,
    OrderStatus usual,
    const Rule& rule,
    std::string_view event
) {
    const auto after_usual = rule(usual);
    if (after_usual && store::set_status(work.db(), id, usual, *after_usual)) {
        return;
    }
    const OrderStatus before = known_status(work, id);
    if (const auto after = rule(before)) {
        store::set_status(work.db(), id, before, *after);
    } else {
        spdlog::debug("order {} is {}: {} changes nothing", id, word(before), event);
    }
}

}  // namespace

void mark_prepared(const inventory::DeliveryPrepared& prepared, bus::UnitOfWork& work) {
    move_on(work, prepared.order_id, OrderStatus::ordered, after_prepared, prepared.event_type);
}

void follow_delivery(const delivery::DeliveryStatusChanged& changed, bus::UnitOfWork& work) {
    const auto delivery = parse_word<OrderStatus>(changed.delivery_status);
    if (!delivery) {
        throw std::invalid_argument("no delivery status: " + changed.delivery_status);
    }
    const auto rule = [&](OrderStatus before) { return after_delivery(before, *delivery); };
    move_on(work, changed.order_id, OrderStatus::delivery_prepared, rule, changed.event_type);
}

}  // namespace bookstore::order
