#include "bus/parked.hpp"

namespace bookstore::bus {
namespace {

using storage::Sql;

const std::string select_held =
    "SELECT position, key, type, time, payload, attempts, error, first_try, next_try, parked "
    "FROM held WHERE subscription = ?1 AND ";
const Sql select_all{"*", select_held + "position > 0 ORDER BY position LIMIT ?2 OFFSET ?3"};
const Sql select_parked{"*", select_held + "parked = 1 ORDER BY position LIMIT ?2 OFFSET ?3"};
const Sql select_one{"*", select_held + "position = ?2"};
const Sql select_one_skipped{
    "*",
    "SELECT position, key, type, time, payload, attempts, error, first_try, reason, skipped_at "
    "FROM skipped WHERE subscription = ?1 AND position = ?2"
};
const Sql count_held{"*", "SELECT count(*) FROM held WHERE subscription = ?1"};
const Sql count_parked{"*", "SELECT count(*) FROM held WHERE subscription = ?1 AND parked = 1"};
const Sql update_retried{
    "*",
    "UPDATE held SET parked = 0, next_try = ?3 WHERE subscription = ?1 AND position = ?2 "
    "AND (parked = 1 OR next_try IS NOT NULL)"
};
const Sql update_all_retried{
    "*", "UPDATE held SET parked = 0, next_try = ?2 WHERE subscription = ?1 AND parked = 1"
};
const Sql insert_skipped{
    "*",
    "INSERT INTO skipped(subscription, position, key, type, time, payload, attempts, error, "
    "first_try, reason, skipped_at) "
    "SELECT subscription, position, key, type, time, payload, attempts, error, first_try, ?3, ?4 "
    "FROM held WHERE subscription = ?1 AND position = ?2"
};
const Sql delete_skipped{"*", "DELETE FROM held WHERE subscription = ?1 AND position = ?2"};
const Sql update_first_of_key{
    "*",
    "UPDATE held SET next_try = ?3 WHERE subscription = ?1 AND key = ?2 AND parked = 0 "
    "AND position = (SELECT min(position) FROM held WHERE subscription = ?1 AND key = ?2)"
};
const Sql select_skipped{
    "*", "SELECT position FROM skipped WHERE subscription = ?1 ORDER BY position"
};

constexpr std::int64_t max_skipped_at_once = 10'000;

/// The columns that held and skipped rows begin with.
HeldEvent event_in(const storage::Statement& row) {
    return {
        .position = row.integer(0),
        .key = row.string(1),
        .type = row.string(2),
        .time_ms = row.integer(3),
        .payload = row.string(4),
        .attempts = row.integer(5),
        .error = row.string(6),
        .first_try_ms = row.integer(7),
        .next_try_ms = std::nullopt
    };
}

HeldEvent held_in(const storage::Statement& row) {
    HeldEvent event = event_in(row);
    event.next_try_ms = row.optional_integer(8);
    if (row.integer(9) != 0) {
        event.state = HeldEvent::State::parked;
    } else if (event.next_try_ms) {
        event.state = HeldEvent::State::retrying;
    }
    return event;
}

}  // namespace

std::vector<HeldEvent> Parked::page(
    storage::Connection& db, bool parked_only, std::int64_t offset, std::int64_t limit
) const {
    std::vector<HeldEvent> events;
    auto row = db.prepare(parked_only ? select_parked : select_all);
    row.bind(subscription_, limit, offset);
    while (row.step()) {
        events.push_back(held_in(row));
    }
    return events;
}

std::int64_t Parked::count(storage::Connection& db, bool parked_only) const {
    auto row = db.prepare(parked_only ? count_parked : count_held);
    row.bind(subscription_);
    return row.step() ? row.integer(0) : 0;
}

std::optional<HeldEvent> Parked::find(storage::Connection& db, std::int64_t position) const {
    {
        auto row = db.prepare(select_one);
        row.bind(subscription_, position);
        if (row.step()) {
            return held_in(row);
        }
    }
    auto row = db.prepare(select_one_skipped);
    row.bind(subscription_, position);
    if (!row.step()) {
        return std::nullopt;
    }
    HeldEvent event = event_in(row);
    event.state = HeldEvent::State::skipped;
    event.reason = row.string(8);
    event.skipped_at_ms = row.integer(9);
    return event;
}

bool Parked::retry(storage::Connection& db, std::int64_t position, std::int64_t now_ms) const {
    db.prepare(update_retried).bind(subscription_, position, now_ms).run();
    return db.changes() > 0;
}

bool Parked::skip(
    storage::Connection& db, std::int64_t position, std::string_view reason, std::int64_t now_ms
) const {
    const auto event = find(db, position);
    if (!event || event->state == HeldEvent::State::skipped) {
        return false;
    }
    db.prepare(insert_skipped).bind(subscription_, position, reason, now_ms).run();
    db.prepare(delete_skipped).bind(subscription_, position).run();
    if (event->state != HeldEvent::State::waiting) {  // it was the first of its key
        db.prepare(update_first_of_key).bind(subscription_, event->key, now_ms).run();
    }
    return true;
}

std::int64_t Parked::retry_parked(storage::Connection& db, std::int64_t now_ms) const {
    db.prepare(update_all_retried).bind(subscription_, now_ms).run();
    return db.changes();
}

std::int64_t Parked::skip_parked(
    storage::Connection& db, std::string_view reason, std::int64_t now_ms
) const {
    const auto events = page(db, true, 0, max_skipped_at_once);
    for (const HeldEvent& event : events) {
        skip(db, event.position, reason, now_ms);
    }
    return static_cast<std::int64_t>(events.size());
}

std::vector<std::int64_t> Parked::skipped(storage::Connection& db) const {
    std::vector<std::int64_t> positions;
    auto row = db.prepare(select_skipped);
    row.bind(subscription_);
    while (row.step()) {
        positions.push_back(row.integer(0));
    }
    return positions;
}

}  // namespace bookstore::bus
