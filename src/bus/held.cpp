#include "bus/held.hpp"

namespace bookstore::bus {
namespace {

const storage::Sql select_key{
    "*", "SELECT 1 FROM held WHERE subscription = ?1 AND key = ?2 LIMIT 1"
};
const storage::Sql insert_held{
    "*",
    "INSERT INTO held(subscription, position, source, source_position, key, type, time, trace, "
    "payload, attempts, error, first_try, next_try, parked) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
};
const storage::Sql select_due{
    "*",
    "SELECT id, attempts, position, source, source_position, key, type, time, trace, payload "
    "FROM held WHERE subscription = ?1 AND next_try <= ?2 ORDER BY next_try LIMIT ?3"
};
const storage::Sql select_exists{
    "*",
    "SELECT 1 FROM held WHERE id = ?1 AND subscription = ?2 AND position = ?3 "
    "AND next_try IS NOT NULL"
};
const storage::Sql update_failed{
    "*",
    "UPDATE held SET attempts = attempts + 1, error = ?2, next_try = ?3, parked = ?4 WHERE id = ?1"
};
const storage::Sql delete_held{"*", "DELETE FROM held WHERE id = ?1"};
const storage::Sql update_next_of_key{
    "*",
    "UPDATE held SET next_try = ?3 WHERE subscription = ?1 AND key = ?2 AND position = "
    "(SELECT min(position) FROM held WHERE subscription = ?1 AND key = ?2)"
};
const storage::Sql select_next_try{
    "*",
    "SELECT next_try FROM held WHERE subscription = ?1 AND next_try IS NOT NULL "
    "ORDER BY next_try LIMIT 1"
};
const storage::Sql select_keys{"*", "SELECT key FROM held WHERE subscription = ?1 ORDER BY key"};
const storage::Sql select_any{"*", "SELECT 1 FROM held WHERE subscription = ?1 LIMIT 1"};
const storage::Sql select_counts{
    "*",
    "SELECT (SELECT count(*) FROM held WHERE subscription = ?1), "
    "(SELECT count(*) FROM held WHERE subscription = ?1 AND parked = 1)"
};
const storage::Sql delete_all{"*", "DELETE FROM held WHERE subscription = ?1"};
const storage::Sql update_subscription{
    "*", "UPDATE held SET subscription = ?1 WHERE subscription = ?2"
};

constexpr std::size_t max_error = 1000;  ///< characters of an error that are kept

}  // namespace

bool holds_key(storage::Connection& db, std::string_view subscription, std::string_view key) {
    auto statement = db.prepare(select_key);
    statement.bind(subscription, key);
    return statement.step();
}

bool Held::has(storage::Connection& db, std::string_view key) const {
    return holds_key(db, subscription_, key);
}

void Held::hold(
    storage::Connection& db,
    const Envelope& event,
    std::int64_t attempts,
    std::string_view error,
    std::int64_t now_ms,
    std::optional<std::int64_t> next_try_ms
) const {
    db.prepare(insert_held)
        .bind(
            subscription_,
            event.position,
            event.source,
            event.source_position,
            event.key,
            event.type,
            event.time_ms,
            event.trace,
            event.payload,
            attempts,
            error.substr(0, max_error),
            now_ms,
            next_try_ms,
            attempts > 0 && !next_try_ms  // it failed, and may not try again
        )
        .run();
}

std::vector<Held::Row> Held::due(storage::Connection& db, std::int64_t now_ms, std::size_t limit)
    const {
    std::vector<Row> rows;
    auto statement = db.prepare(select_due);
    statement.bind(subscription_, now_ms, limit);
    while (statement.step()) {
        rows.push_back(
            {.id = statement.integer(0),
             .attempts = statement.integer(1),
             .event =
                 {.position = statement.integer(2),
                  .source = statement.string(3),
                  .source_position = statement.integer(4),
                  .key = statement.string(5),
                  .type = statement.string(6),
                  .time_ms = statement.integer(7),
                  .trace = statement.string(8),
                  .payload = statement.string(9)}}
        );
    }
    return rows;
}

bool Held::exists(storage::Connection& db, const Row& row) const {
    auto statement = db.prepare(select_exists);
    statement.bind(row.id, subscription_, row.event.position);
    return statement.step();
}

void Held::failed(
    storage::Connection& db,
    std::int64_t id,
    std::string_view error,
    std::optional<std::int64_t> next_try_ms
) const {
    db.prepare(update_failed)
        .bind(id, error.substr(0, max_error), next_try_ms, !next_try_ms.has_value())
        .run();
}

void Held::handled(storage::Connection& db, const Row& row, std::int64_t now_ms) const {
    db.prepare(delete_held).bind(row.id).run();
    db.prepare(update_next_of_key).bind(subscription_, row.event.key, now_ms).run();
}

std::optional<std::int64_t> Held::next_try(storage::Connection& db) const {
    auto statement = db.prepare(select_next_try);
    statement.bind(subscription_);
    return statement.step() ? std::optional(statement.integer(0)) : std::nullopt;
}

KeyFilter Held::keys(storage::Connection& db) const {
    KeyFilter keys;
    auto statement = db.prepare(select_keys);
    statement.bind(subscription_);
    while (statement.step()) {
        keys.add(statement.text(0));
    }
    return keys;
}

bool Held::any(storage::Connection& db) const {
    auto statement = db.prepare(select_any);
    statement.bind(subscription_);
    return statement.step();
}

Held::Counts Held::counts(storage::Connection& db) const {
    auto statement = db.prepare(select_counts);
    statement.bind(subscription_);
    statement.step();
    return {.held = statement.integer(0), .parked = statement.integer(1)};
}

void Held::replace_by(storage::Connection& db, const Held& from) const {
    clear(db);
    db.prepare(update_subscription).bind(subscription_, from.subscription_).run();
}

void Held::clear(storage::Connection& db) const {
    db.prepare(delete_all).bind(subscription_).run();
}

}  // namespace bookstore::bus
