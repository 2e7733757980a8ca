#include "modules/inventory/taking_back.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "modules/inventory/store.hpp"

namespace bookstore::inventory {
namespace {

using bus::UnitOfWork;

std::int64_t known_stock(UnitOfWork& work, std::int64_t book_id) {
    const auto stock = store::stock_of(work.db(), book_id);
    if (!stock) {
        throw std::logic_error(fmt::format("there is no book {}", book_id));
    }
    return *stock;
}

void receive_up_to(UnitOfWork& work, std::int64_t book_id, std::int64_t least) {
    const std::int64_t stock = known_stock(work, book_id);
    if (stock < least) {
        store::receive(work.db(), book_id, least - stock);
    }
}

}  // namespace

void take_back_registered(const BookRegistered& registered, UnitOfWork& work) {
    store::insert_lost_book(
        work.db(), {registered.book_id, registered.book_name, registered.stock}
    );
}

void take_back_deleted(const BookDeleted& deleted, UnitOfWork& work) {
    if (store::find_book(work.db(), deleted.book_id)) {
        store::mark_deleted(work.db(), deleted.book_id);
    }
}

void take_back_increased(const InventoryIncreased& increased, UnitOfWork& work) {
    receive_up_to(work, increased.book_id, increased.stock);
}

void take_back_prepared(const DeliveryPrepared& prepared, UnitOfWork& work) {
    const auto deliverable = store::find_deliverable_of_order(work.db(), prepared.order_id);
    if (!deliverable) {
        throw std::logic_error(fmt::format("there is no deliverable of order {}", prepared.order_id)
        );
    }
    if (deliverable->status != DeliverableStatus::stock_lacked) {
        return;  // its policy found stock for it again, or it was canceled since
    }
    receive_up_to(work, deliverable->book_id, deliverable->quantity);
    store::move_stock(work.db(), deliverable->book_id, -deliverable->quantity);
    store::set_status(work.db(), deliverable->id, DeliverableStatus::delivery_prepared);
}

}  // namespace bookstore::inventory
