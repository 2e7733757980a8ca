#include "modules/inventory/allocation.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

#include "modules/inventory/events.hpp"
#include "modules/inventory/store.hpp"

namespace bookstore::inventory {
namespace {

using bus::UnitOfWork;

void publish_prepared(UnitOfWork& work, std::int64_t order_id) {
    work.publish(DeliveryPrepared{
        std::nullopt, order_id, std::string(word(DeliverableStatus::delivery_prepared))
    });
}

/// Serves what waits after `after_order`; notes how far it came when more is left to look at.
void serve_after(UnitOfWork& work, std::int64_t book_id, std::int64_t after_order) {
    const std::int64_t before = store::stock_of(work.db(), book_id).value_or(0);
    if (before == 0) {
        store::end_serving(work.db(), book_id);
        return;
    }
    std::int64_t stock = before;
    const auto waiting = store::waiting(work.db(), book_id, after_order, max_served);
    for (const Deliverable& deliverable : waiting) {
        if (deliverable.quantity > stock) {
            continue;
        }
        stock -= deliverable.quantity;
        store::set_status(work.db(), deliverable.id, DeliverableStatus::delivery_prepared);
        publish_prepared(work, deliverable.order_id);
    }
    if (stock != before) {
        store::move_stock(work.db(), book_id, stock - before);
    }
    if (waiting.size() == max_served && stock > 0) {
        store::set_serving(
            work.db(), book_id, waiting.back().order_id, work.now_ms(), work.trace()
        );
    } else {
        store::end_serving(work.db(), book_id);
    }
}

}  // namespace

void serve_waiting(UnitOfWork& work, std::int64_t book_id) {
    serve_after(work, book_id, 0);
}

void go_on_serving(UnitOfWork& work, std::int64_t book_id) {
    if (const auto after = store::serving_after(work.db(), book_id)) {
        serve_after(work, book_id, *after);
    }
}

void allocate_when_ordered(const order::Ordered& ordered, UnitOfWork& work) {
    Deliverable deliverable{
        .id = 0,
        .order_id = ordered.order_id,
        .book_id = ordered.book_id,
        .quantity = ordered.quantity,
        .status = DeliverableStatus::stock_lacked
    };
    // While waiting orders are being served it waits too: it must not overtake one that fits.
    const auto served_to = store::serving_after(work.db(), ordered.book_id);
    const std::int64_t stock = store::stock_of(work.db(), ordered.book_id).value_or(0);
    if (served_to && ordered.order_id <= *served_to) {
        // It was verified late: its id is lower than those that were looked at. Begin there again.
        store::set_serving(
            work.db(), ordered.book_id, ordered.order_id - 1, work.now_ms(), work.trace()
        );
    }
    if (!served_to && ordered.quantity <= stock) {
        deliverable.status = DeliverableStatus::delivery_prepared;
        store::move_stock(work.db(), ordered.book_id, -ordered.quantity);
    }
    store::insert_deliverable(work.db(), deliverable);
    if (deliverable.status == DeliverableStatus::delivery_prepared) {
        publish_prepared(work, ordered.order_id);
    }
}

void return_when_canceled(const order::OrderCanceled& canceled, UnitOfWork& work) {
    const auto deliverable = store::find_deliverable_of_order(work.db(), canceled.order_id);
    if (!deliverable) {
        throw std::logic_error(fmt::format("there is no deliverable of order {}", canceled.order_id)
        );
    }
    if (deliverable->status == DeliverableStatus::delivery_canceled) {
        spdlog::debug("deliverable of order {} was canceled before", canceled.order_id);
        return;
    }
    store::set_status(work.db(), deliverable->id, DeliverableStatus::delivery_canceled);
    if (deliverable->status == DeliverableStatus::delivery_prepared) {
        store::move_stock(work.db(), deliverable->book_id, deliverable->quantity);
        serve_waiting(work, deliverable->book_id);
    }
}

}  // namespace bookstore::inventory
