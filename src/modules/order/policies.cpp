#include "modules/order/policies.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "modules/order/store.hpp"

namespace bookstore::order {
namespace {

Status stored_status(bus::UnitOfWork& work, std::int64_t id) {
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
    const std::optional<Status> after_usual = rule(usual);
    if (after_usual && store::set_status(work.db(), id, usual, *after_usual)) {
        return;
    }
    const Status before = stored_status(work, id);
    if (const std::optional<Status> after = rule(before)) {
        store::set_status(work.db(), id, before, *after);
    } else {
        spdlog::debug("order {} is {}: {} changes nothing", id, word(before), event);
    }
}

/// Once for each word, as long as they are few: each event of a newer version has one.
void log_unknown(const std::string& status) {
    constexpr std::size_t most = 100;
    static std::mutex mutex;
    static std::set<std::string> logged;
    const std::scoped_lock lock(mutex);
    if (logged.size() < most && logged.insert(status).second) {
        spdlog::warn("delivery has a status that is not known here, it is kept: {}", status);
    }
}

}  // namespace

void mark_prepared(const inventory::DeliveryPrepared& prepared, bus::UnitOfWork& work) {
    const auto rule = [](const Status& before) { return after_prepared(before); };
    move_on(work, prepared.order_id, OrderStatus::ordered, rule, prepared.event_type);
}

void follow_delivery(const delivery::DeliveryStatusChanged& changed, bus::UnitOfWork& work) {
    const Status delivery = Status::of(changed.delivery_status);
    if (!delivery.known()) {
        log_unknown(changed.delivery_status);
    }
    const auto rule = [&](const Status& before) { return after_delivery(before, delivery); };
    move_on(work, changed.order_id, OrderStatus::delivery_prepared, rule, changed.event_type);
}

void take_back_ordered(const Ordered& ordered, bus::UnitOfWork& work) {
    store::insert_lost(
        work.db(),
        {.id = ordered.order_id,
         .book_id = ordered.book_id,
         .customer_id = ordered.customer_id,
         .quantity = ordered.quantity,
         .delivery_address = ordered.delivery_address,
         .order_status = Status::of(ordered.order_status),
         .pay_amount = ordered.pay_amount,
         .pay_type = ordered.pay_type,
         .was_ordered = true}
    );
}

void take_back_canceled(const OrderCanceled& canceled, bus::UnitOfWork& work) {
    stored_status(work, canceled.order_id);
    store::end_verification(work.db(), canceled.order_id, OrderStatus::canceled, true);
}

}  // namespace bookstore::order
