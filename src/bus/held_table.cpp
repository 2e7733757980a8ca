#include "bus/held_table.hpp"

namespace bookstore::bus {
namespace {

using storage::Sql;

/// The columns that both tables have.
const std::string columns = "position, key, type, time, payload, attempts, error, first_try";

const std::string select_held = "SELECT " + columns +
                                ", id, source, source_position, trace, next_try, parked "
                                "FROM held WHERE subscription = ?1 AND ";
const Sql select_of_key{"*", select_held + "key = ?2 ORDER BY position"};
const Sql select_due{
    "*", select_held + "next_try > ?2 AND next_try <= ?3 ORDER BY next_try LIMIT ?4"
};
const Sql select_all{"*", select_held + "position > 0 ORDER BY position LIMIT ?2 OFFSET ?3"};
const Sql select_parked{"*", select_held + "parked = 1 ORDER BY position LIMIT ?2 OFFSET ?3"};
const Sql select_one{"*", select_held + "position = ?2"};

const Sql select_key{"*", "SELECT 1 FROM held WHERE subscription = ?1 AND key = ?2 LIMIT 1"};
const Sql select_keys{"*", "SELECT key FROM held WHERE subscription = ?1 ORDER BY key"};
const Sql select_any{"*", "SELECT 1 FROM held WHERE subscription = ?1 LIMIT 1"};
const Sql select_retried{
    "*",
    "SELECT 1 FROM held WHERE id = ?1 AND subscription = ?2 AND position = ?3 "
    "AND next_try IS NOT NULL"
};
const Sql select_next_try{
    "*",
    "SELECT next_try FROM held WHERE subscription = ?1 AND next_try IS NOT NULL "
    "ORDER BY next_try LIMIT 1"
};
const Sql count_held{"*", "SELECT count(*) FROM held WHERE subscription = ?1"};
const Sql count_parked{"*", "SELECT count(*) FROM held WHERE subscription = ?1 AND parked = 1"};

const Sql insert_held{
    "*",
    "INSERT INTO held(subscription, " + columns +
        ", source, source_position, trace, next_try, parked) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
};
const Sql update_failed{
    "*",
    "UPDATE held SET attempts = attempts + 1, error = ?2, next_try = ?3, parked = ?4 WHERE id = ?1"
};
const Sql delete_held{"*", "DELETE FROM held WHERE id = ?1"};
const Sql update_first_of_key{
    "*",
    "UPDATE held SET next_try = ?3 WHERE subscription = ?1 AND key = ?2 AND parked = 0 "
    "AND position = (SELECT min(position) FROM held WHERE subscription = ?1 AND key = ?2)"
};
const Sql update_subscription{"*", "UPDATE held SET subscription = ?1 WHERE subscription = ?2"};
const Sql delete_all{"*", "DELETE FROM held WHERE subscription = ?1"};

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
    "INSERT INTO skipped(subscription, " + columns + ", reason, skipped_at) SELECT subscription, " +
        columns + ", ?3, ?4 FROM held WHERE subscription = ?1 AND position = ?2"
};
const Sql select_skipped{
    "*",
    "SELECT " + columns +
        ", reason, skipped_at FROM skipped WHERE subscription = ?1 AND position = ?2"
};
const Sql select_skipped_positions{
    "*", "SELECT position FROM skipped WHERE subscription = ?1 ORDER BY position"
};

constexpr std::size_t max_error = 1000;  ///< characters of an error that are kept
constexpr std::int64_t max_skipped_at_once = 10'000;

/// What a row of either table begins with.
HeldEvent event_in(const storage::Statement& row) {
    HeldEvent event;
    event.position = row.integer(0);
    event.key = row.string(1);
    event.type = row.string(2);
    event.time_ms = row.integer(3);
    event.payload = row.string(4);
    event.attempts = row.integer(5);
    event.error = row.string(6);
    event.first_try_ms = row.integer(7);
    return event;
}

HeldEvent held_in(const storage::Statement& row) {
    HeldEvent event = event_in(row);
    event.id = row.integer(8);
    event.source = row.string(9);
    event.source_position = row.integer(10);
    event.trace = row.string(11);
    event.next_try_ms = row.optional_integer(12);
    if (row.integer(13) != 0) {
        event.state = HeldEvent::State::parked;
    } else if (event.next_try_ms) {
        event.state = HeldEvent::State::retrying;
    }
    return event;
}

std::vector<HeldEvent> all_held_in(storage::Statement& rows) {
    std::vector<HeldEvent> events;
    while (rows.step()) {
        events.push_back(held_in(rows));
    }
    return events;
}

const Sql copy_held{
    "*",
    "INSERT INTO held(subscription, position, source, source_position, key, type, time, trace, "
    "payload, attempts, error, first_try, next_try, parked) "
    "SELECT ?1, position, source, source_position, key, type, time, trace, payload, attempts, "
    "error, first_try, CASE parked WHEN 1 THEN 0 ELSE next_try END, 0 "
    "FROM held WHERE subscription = ?2 ORDER BY position"
};
const Sql select_first_position{
    "*", "SELECT position FROM held WHERE subscription = ?1 ORDER BY position LIMIT 1"
};

}  // namespace

// ---- what is held

bool HeldTable::has(storage::Connection& db, std::string_view key) const {
    auto row = db.prepare(select_key);
    row.bind(subscription_, key);
    return row.step();
}

std::vector<HeldEvent> HeldTable::of_key(storage::Connection& db, std::string_view key) const {
    auto rows = db.prepare(select_of_key);
    rows.bind(subscription_, key);
    return all_held_in(rows);
}

KeyFilter HeldTable::keys(storage::Connection& db) const {
    KeyFilter keys;
    auto row = db.prepare(select_keys);
    row.bind(subscription_);
    while (row.step()) {
        keys.add(row.text(0));
    }
    return keys;
}

HeldTable::Counts HeldTable::counts(storage::Connection& db) const {
    return {.held = count(db, false), .parked = count(db, true)};
}

// ---- for the subscription

void HeldTable::hold(
    storage::Connection& db,
    const Envelope& event,
    std::int64_t attempts,
    std::string_view error,
    std::int64_t now_ms,
    std::optional<std::int64_t> next_try_ms
) const {
    const bool parked = attempts > 0 && !next_try_ms;  // it failed, and may not try again
    db.prepare(insert_held)
        .bind(
            subscription_,
            event.position,
            event.key,
            event.type,
            event.time_ms,
            event.payload,
            attempts,
            error.substr(0, max_error),
            now_ms,
            event.source,
            event.source_position,
            event.trace,
            next_try_ms,
            parked
        )
        .run();
}

std::vector<HeldEvent> HeldTable::due(storage::Connection& db, DueSpan span, std::size_t limit)
    const {
    auto rows = db.prepare(select_due);
    rows.bind(subscription_, span.after_ms, span.to_ms, limit);
    return all_held_in(rows);
}

bool HeldTable::is_retried(storage::Connection& db, const HeldEvent& event) const {
    auto row = db.prepare(select_retried);
    row.bind(event.id, subscription_, event.position);
    return row.step();
}

void HeldTable::failed(
    storage::Connection& db,
    const HeldEvent& event,
    std::string_view error,
    std::optional<std::int64_t> next_try_ms
) const {
    db.prepare(update_failed)
        .bind(event.id, error.substr(0, max_error), next_try_ms, !next_try_ms.has_value())
        .run();
}

void HeldTable::handled(storage::Connection& db, const HeldEvent& event, std::int64_t now_ms)
    const {
    db.prepare(delete_held).bind(event.id).run();
    db.prepare(update_first_of_key).bind(subscription_, event.key, now_ms).run();
}

std::optional<std::int64_t> HeldTable::next_try(storage::Connection& db) const {
    auto row = db.prepare(select_next_try);
    row.bind(subscription_);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

bool HeldTable::any(storage::Connection& db) const {
    auto row = db.prepare(select_any);
    row.bind(subscription_);
    return row.step();
}

void HeldTable::replace_by(storage::Connection& db, const HeldTable& other) const {
    clear(db);
    db.prepare(update_subscription).bind(subscription_, other.subscription_).run();
}

void HeldTable::copy(storage::Connection& db, const HeldTable& other) const {
    clear(db);
    db.prepare(copy_held).bind(subscription_, other.subscription_).run();
}

std::optional<std::int64_t> HeldTable::first_position(storage::Connection& db) const {
    auto row = db.prepare(select_first_position);
    row.bind(subscription_);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

void HeldTable::clear(storage::Connection& db) const {
    db.prepare(delete_all).bind(subscription_).run();
}

// ---- for operators

std::vector<HeldEvent> HeldTable::page(
    storage::Connection& db, bool parked_only, std::int64_t offset, std::int64_t limit
) const {
    auto rows = db.prepare(parked_only ? select_parked : select_all);
    rows.bind(subscription_, limit, offset);
    return all_held_in(rows);
}

std::int64_t HeldTable::count(storage::Connection& db, bool parked_only) const {
    auto row = db.prepare(parked_only ? count_parked : count_held);
    row.bind(subscription_);
    return row.step() ? row.integer(0) : 0;
}

std::optional<HeldEvent> HeldTable::find(storage::Connection& db, std::int64_t position) const {
    {
        auto row = db.prepare(select_one);
        row.bind(subscription_, position);
        if (row.step()) {
            return held_in(row);
        }
    }
    auto row = db.prepare(select_skipped);
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

bool HeldTable::retry(storage::Connection& db, std::int64_t position, std::int64_t now_ms) const {
    db.prepare(update_retried).bind(subscription_, position, now_ms).run();
    return db.changes() > 0;
}

std::int64_t HeldTable::retry_parked(storage::Connection& db, std::int64_t now_ms) const {
    db.prepare(update_all_retried).bind(subscription_, now_ms).run();
    return db.changes();
}

bool HeldTable::skip(
    storage::Connection& db, std::int64_t position, std::string_view reason, std::int64_t now_ms
) const {
    const auto event = find(db, position);
    if (!event || event->state == HeldEvent::State::skipped) {
        return false;
    }
    db.prepare(insert_skipped).bind(subscription_, position, reason, now_ms).run();
    remove(db, *event, now_ms);
    return true;
}

void HeldTable::pass_over(
    storage::Connection& db, const std::vector<std::int64_t>& positions, std::int64_t now_ms
) const {
    for (const std::int64_t position : positions) {
        const auto event = find(db, position);
        if (event && event->state != HeldEvent::State::skipped) {
            remove(db, *event, now_ms);
        }
    }
}

void HeldTable::remove(storage::Connection& db, const HeldEvent& event, std::int64_t now_ms) const {
    db.prepare(delete_held).bind(event.id).run();
    if (event.state != HeldEvent::State::waiting) {  // it was the first of its key
        db.prepare(update_first_of_key).bind(subscription_, event.key, now_ms).run();
    }
}

std::int64_t HeldTable::skip_parked(
    storage::Connection& db, std::string_view reason, std::int64_t now_ms
) const {
    const auto events = page(db, true, 0, max_skipped_at_once);
    for (const HeldEvent& event : events) {
        skip(db, event.position, reason, now_ms);
    }
    return static_cast<std::int64_t>(events.size());
}

std::vector<std::int64_t> HeldTable::skipped(storage::Connection& db) const {
    std::vector<std::int64_t> positions;
    auto row = db.prepare(select_skipped_positions);
    row.bind(subscription_);
    while (row.step()) {
        positions.push_back(row.integer(0));
    }
    return positions;
}

}  // namespace bookstore::bus
