#include "modules/payment/history.hpp"

namespace bookstore::payment {
namespace {

const storage::Sql select_waiting{
    "payment",
    "SELECT call, attempts, next_try FROM payment WHERE order_id = ?1 AND next_try IS NOT NULL"
};

}  // namespace

std::optional<WaitingCall> waiting_call(storage::Connection& db, std::int64_t order_id) {
    auto row = db.prepare(select_waiting);
    row.bind(order_id);
    if (!row.step()) {
        return std::nullopt;
    }
    return WaitingCall{
        .call = row.string(0), .attempts = row.integer(1), .next_try_ms = row.integer(2)
    };
}

}  // namespace bookstore::payment
