#include <algorithm>
#include <unordered_set>

#include "check/order_check.hpp"

namespace bookstore::check {

void BookCheck::add(const DeliverableRow& deliverable) {
    Demand& demand = demands_[deliverable.book_id];
    if (deliverable.status == "Delivery_Prepared") {
        demand.prepared += deliverable.quantity;
    } else if (deliverable.status == "Stock_Lacked") {
        demand.smallest_waiting = std::min(demand.smallest_waiting, deliverable.quantity);
    }
}

void BookCheck::check(const OrderCheck& check, const SqliteFile& inventory) const {
    std::unordered_set<std::int64_t> being_served;
    auto serving = inventory.rows("SELECT book_id FROM serving");
    while (serving.next()) {
        being_served.insert(serving.integer(0));
        if (check.at_rest) {
            check.violate("book {} is still being served", serving.integer(0));
        }
    }
    auto books = inventory.rows("SELECT id, stock, received FROM book ORDER BY id");
    while (books.next()) {
        const std::int64_t id = books.integer(0);
        const std::int64_t stock = books.integer(1);
        const auto found = demands_.find(id);
        const Demand demand = found == demands_.end() ? Demand{} : found->second;
        if (stock < 0 || books.integer(2) != stock + demand.prepared) {
            check.violate(
                "book {}: received {}, but stock {} and prepared {}",
                id,
                books.integer(2),
                stock,
                demand.prepared
            );
        }
        if (demand.smallest_waiting <= stock && !being_served.contains(id)) {
            check.violate(
                "book {}: an order waits for {}, stock is {}", id, demand.smallest_waiting, stock
            );
        }
    }
}

}  // namespace bookstore::check
