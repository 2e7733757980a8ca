#include "bus/held_of_key.hpp"

namespace bookstore::bus {
namespace {

const storage::Sql select_of_key{
    "*",
    "SELECT position, attempts, error, first_try, next_try, parked FROM held "
    "WHERE subscription = ?1 AND key = ?2 ORDER BY position"
};

}  // namespace

std::vector<HeldOfKey> held_of_key(
    storage::Connection& db, std::string_view subscription, std::string_view key
) {
    std::vector<HeldOfKey> held;
    auto row = db.prepare(select_of_key);
    row.bind(subscription, key);
    while (row.step()) {
        held.push_back(
            {.position = row.integer(0),
             .attempts = row.integer(1),
             .error = row.string(2),
             .first_try_ms = row.integer(3),
             .next_try_ms = row.optional_integer(4),
             .parked = row.integer(5) != 0}
        );
    }
    return held;
}

}  // namespace bookstore::bus
