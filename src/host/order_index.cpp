#include "host/order_index.hpp"

#include <algorithm>
#include <string>

#include "base/key.hpp"

namespace bookstore::host {
namespace {

using storage::Sql;

constexpr std::int64_t near = 32'768;           ///< positions after a milestone
constexpr std::int64_t milestone_every = 4096;  ///< positions
constexpr std::int64_t max_scanned_for_cause = 8192;

const Sql select_last{
    "topic",
    "SELECT position, newest_order FROM milestone WHERE newest_order >= 0 "
    "ORDER BY newest_order DESC, position DESC LIMIT ?1"
};
const Sql select_keys_between{
    "topic", "SELECT key FROM event WHERE position > ?1 AND position < ?2 ORDER BY position"
};
const Sql insert_milestone{
    "topic", "INSERT INTO milestone(newest_order, position) VALUES (?1, ?2)"
};
const Sql insert_late{"topic", "INSERT INTO late(order_id, position) VALUES (?1, ?2)"};
const Sql select_before{
    "topic",
    "SELECT position FROM milestone WHERE newest_order < ?1 "
    "ORDER BY newest_order DESC, position DESC LIMIT 1"
};
const Sql select_after{
    "topic",
    "SELECT position FROM milestone WHERE newest_order >= ?1 ORDER BY newest_order, position "
    "LIMIT 1"
};
const Sql select_near{
    "topic", "SELECT position, key FROM event WHERE position > ?1 ORDER BY position"
};
const Sql select_late{"topic", "SELECT position FROM late WHERE order_id = ?1 ORDER BY position"};
const Sql select_keys_up_to{"topic", "SELECT position, key FROM event WHERE position <= ?1"};
const Sql delete_late{"topic", "DELETE FROM late WHERE order_id = ?1 AND position = ?2"};
const Sql select_first{
    "topic",
    "SELECT newest_order, position FROM milestone WHERE newest_order >= 0 "
    "ORDER BY newest_order, position LIMIT 1"
};
const Sql delete_milestone{
    "topic", "DELETE FROM milestone WHERE newest_order = ?1 AND position = ?2"
};
const Sql select_cause{
    "topic",
    "SELECT position FROM event WHERE position < ?1 AND position >= ?2 AND trace = ?3 "
    "AND type IN (?4, ?5) ORDER BY position DESC LIMIT 1"
};

constexpr std::string_view order_kind = "order";

std::optional<std::int64_t> position(storage::Connection& db, const Sql& sql, std::int64_t order) {
    auto row = db.prepare(sql);
    row.bind(order);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

/// false: it is not before that position, or there is none. Both numbers grow together, so that the
/// first by order is the first by position.
bool remove_first_milestone(storage::Connection& db, std::int64_t before) {
    auto first = db.prepare(select_first);
    if (!first.step() || first.integer(1) >= before) {
        return false;
    }
    const std::int64_t newest_order = first.integer(0);
    const std::int64_t position = first.integer(1);
    db.prepare(delete_milestone).bind(newest_order, position).run();
    return true;
}

/// The positions of that order's events, in order.
std::vector<std::int64_t> positions_of(storage::Connection& db, std::int64_t order_id) {
    std::vector<std::int64_t> found;
    const std::int64_t from = position(db, select_before, order_id).value_or(0);
    const auto after = position(db, select_after, order_id);
    const std::string key = text_of(Key{order_kind, order_id});
    {
        auto row = db.prepare(select_near);
        row.bind(from);
        while (row.step() && (!after || row.integer(0) < *after + near + milestone_every)) {
            if (row.text(1) == key) {
                found.push_back(row.integer(0));
            }
        }
    }
    auto row = db.prepare(select_late);
    row.bind(order_id);
    while (row.step()) {
        found.push_back(row.integer(0));
    }
    std::ranges::sort(found);
    const auto twice = std::ranges::unique(found);
    found.erase(twice.begin(), twice.end());
    return found;
}

}  // namespace

/// As the file has it of the events before that position.
OrderIndex::State OrderIndex::read(storage::Connection& db, std::int64_t before) {
    State state;
    auto row = db.prepare(select_last);
    row.bind(near / milestone_every + 2);
    while (row.step()) {
        state.milestones.push_front({row.integer(0), row.integer(1)});
    }
    std::int64_t from = 0;
    if (!state.milestones.empty()) {
        state.newest_order = state.milestones.back().newest_order;
        from = state.milestones.back().position;
    }
    auto event = db.prepare(select_keys_between);
    event.bind(from, before);
    while (event.step()) {
        const auto order = id_in_key(event.text(0), order_kind);
        state.newest_order = std::max(state.newest_order, order.value_or(0));
    }
    return state;
}

void OrderIndex::append(storage::Connection& db, std::span<const bus::Envelope> events) {
    for (const bus::Envelope& event : events) {
        note(db, event.key, event.position);
    }
}

/// Milestones stay for as long as an event may be near them: what is far, late() must know.
void OrderIndex::remove(storage::Connection& db, std::int64_t up_to) {
    auto row = db.prepare(select_keys_up_to);
    row.bind(up_to);
    while (row.step()) {
        if (const auto order = id_in_key(row.text(1), order_kind)) {
            db.prepare(delete_late).bind(*order, row.integer(0)).run();
        }
    }
    while (remove_first_milestone(db, up_to - 2 * near)) {
    }
}

void OrderIndex::note(storage::Connection& db, std::string_view key, std::int64_t position) {
    if (!state_) {
        state_ = read(db, position);
    }
    auto& [milestones, newest_order] = *state_;
    while (milestones.size() > 1 && milestones[1].position <= position - near) {
        milestones.pop_front();
    }
    if (const auto order = id_in_key(key, order_kind)) {
        const bool far = !milestones.empty() && milestones[0].position <= position - near &&
                         *order <= milestones[0].newest_order;
        if (far) {
            db.prepare(insert_late).bind(*order, position).run();
        }
        newest_order = std::max(newest_order, *order);
    }
    const std::int64_t last = milestones.empty() ? 0 : milestones.back().position;
    if (position >= last + milestone_every) {
        db.prepare(insert_milestone).bind(newest_order, position).run();
        milestones.push_back({position, newest_order});
    }
}

std::vector<bus::Envelope> OrderIndex::events_of(bus::Topic& topic, std::int64_t order_id) {
    std::vector<std::int64_t> positions;
    {
        const storage::Reader reader = topic.reader();
        positions = positions_of(*reader, order_id);
    }
    std::vector<bus::Envelope> events;
    for (const std::int64_t position : positions) {
        if (auto event = topic.at(position)) {
            events.push_back(std::move(*event));
        }
    }
    return events;
}

std::optional<bus::Envelope> OrderIndex::cause_before(
    bus::Topic& topic,
    std::int64_t position,
    std::string_view trace,
    std::string_view type,
    std::string_view other
) {
    std::optional<std::int64_t> cause;
    {
        const storage::Reader reader = topic.reader();
        auto row = reader->prepare(select_cause);
        row.bind(position, position - max_scanned_for_cause, trace, type, other);
        if (row.step()) {
            cause = row.integer(0);
        }
    }
    return cause ? topic.at(*cause) : std::nullopt;
}

}  // namespace bookstore::host
