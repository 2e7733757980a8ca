#include "modules/order/history.hpp"

namespace bookstore::order {
namespace {

using storage::Sql;

constexpr auto file = "order";

const Sql select_standing{file, "SELECT status, attempts, next_try FROM orders WHERE id = ?1"};
const Sql select_untold{
    file, "SELECT time, request, trace FROM untold WHERE order_id = ?1 ORDER BY nth"
};

}  // namespace

std::optional<History> history_of(storage::Connection& db, std::int64_t id) {
    auto order = db.prepare(select_standing);
    order.bind(id);
    if (!order.step()) {
        return std::nullopt;
    }
    History history{
        .status = order.string(0),
        .attempts = order.integer(1),
        .next_try_ms = order.optional_integer(2),
        .untold = {}
    };
    auto row = db.prepare(select_untold);
    row.bind(id);
    while (row.step()) {
        history.untold.push_back(
            {.time_ms = row.integer(0), .request = row.string(1), .trace = row.string(2)}
        );
    }
    return history;
}

}  // namespace bookstore::order
