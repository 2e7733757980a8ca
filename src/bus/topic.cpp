#include "bus/topic.hpp"

#include <algorithm>

namespace bookstore::bus {
namespace {

const storage::Sql insert_event{
    "topic",
    "INSERT INTO event(type, source, source_position, key, time, trace, payload) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
};
const storage::Sql update_relayed{
    "topic",
    "INSERT INTO relayed(source, position) VALUES (?1, ?2) "
    "ON CONFLICT (source) DO UPDATE SET position = excluded.position"
};
const storage::Sql select_relayed{"topic", "SELECT position FROM relayed WHERE source = ?1"};
const storage::Sql select_end{"topic", "SELECT max(position) FROM event"};
const storage::Sql select_events{
    "topic",
    "SELECT position, type, source, source_position, key, time, trace, payload FROM event "
    "WHERE position > ?1 ORDER BY position LIMIT ?2"
};
const storage::Sql select_time{
    "topic", "SELECT time FROM event WHERE position > ?1 ORDER BY position LIMIT 1"
};

constexpr std::size_t max_scanned = 4096;  ///< rows that one read looks at

bool among(const Types& types, std::string_view type) {
    return types.empty() || std::ranges::find(types, type) != types.end();
}

std::int64_t relayed_in(storage::Connection& db, std::string_view source) {
    auto statement = db.prepare(select_relayed);
    statement.bind(source);
    return statement.step() ? statement.integer(0) : 0;
}

/// Appends what is new of a run of events of one source.
void append_run(storage::Connection& db, std::span<Envelope> run) {
    const std::int64_t relayed = relayed_in(db, run.front().source);
    for (Envelope& event : run) {
        if (event.source_position <= relayed) {
            continue;
        }
        db.prepare(insert_event)
            .bind(
                event.type,
                event.source,
                event.source_position,
                event.key,
                event.time_ms,
                event.trace,
                event.payload
            )
            .run();
        event.position = db.last_insert_id();
    }
    db.prepare(update_relayed)
        .bind(run.front().source, std::max(relayed, run.back().source_position))
        .run();
}

}  // namespace

Topic::Topic(storage::Database::Options options) : database_(std::move(options)) {
    end_ = stored_end();
}

std::int64_t Topic::relayed(std::string_view source) {
    const storage::Reader reader = database_.read();
    return relayed_in(*reader, source);
}

void Topic::append(std::span<Envelope> events) {
    storage::Outcome outcome;
    database_.writer().submit({
        .durable = true,
        .run =
            [&](storage::Connection& db) {
                for (auto run = events.begin(); run != events.end();) {
                    const auto end = std::find_if(run, events.end(), [&](const Envelope& event) {
                        return event.source != run->source;
                    });
                    append_run(db, {run, end});
                    run = end;
                }
                return true;
            },
        .done = [&](const storage::Outcome& result) { outcome = result; },
    });
    while (database_.writer().step()) {
    }
    if (outcome.error) {
        std::rethrow_exception(outcome.error);
    }
    // Rows without a position are in the log since an append whose commit was reported as failed:
    // everyone is told to look.
    const bool unsure =
        std::ranges::any_of(events, [](const Envelope& event) { return event.position == 0; });
    const std::int64_t end = unsure ? stored_end() : events.back().position;
    end_.store(end, std::memory_order_release);
    tell(events, unsure);
}

std::int64_t Topic::stored_end() {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_end);
    return statement.step() ? statement.integer(0) : 0;
}

void Topic::tell(std::span<const Envelope> events, bool everyone) {
    const std::scoped_lock lock(mutex_);
    for (const Entry& entry : listeners_) {
        std::int64_t newest = everyone ? end() : 0;
        for (const Envelope& event : events) {
            if (among(entry.types, event.type)) {
                newest = std::max(newest, event.position);
            }
        }
        if (newest > 0) {
            entry.told(newest);
        }
    }
}

std::shared_ptr<void> Topic::listen(Types types, Listener listener) {
    const std::scoped_lock lock(mutex_);
    const auto entry = listeners_.insert(listeners_.end(), {std::move(types), std::move(listener)});
    return {&*entry, [this, entry](void*) {
                const std::scoped_lock unlisten(mutex_);
                listeners_.erase(entry);
            }};
}

Topic::Batch Topic::read(std::int64_t position, const Types& types, std::size_t limit) {
    Batch batch;
    batch.scanned = position;
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_events);
    statement.bind(position, max_scanned);
    while (batch.events.size() < limit && statement.step()) {
        batch.scanned = statement.integer(0);
        if (!among(types, statement.text(1))) {
            continue;
        }
        batch.events.push_back({
            .position = batch.scanned,
            .source = statement.string(2),
            .source_position = statement.integer(3),
            .key = statement.string(4),
            .type = statement.string(1),
            .time_ms = statement.integer(5),
            .trace = statement.string(6),
            .payload = statement.string(7),
        });
    }
    return batch;
}

std::optional<std::int64_t> Topic::time_behind(std::int64_t position) {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_time);
    statement.bind(position);
    return statement.step() ? std::optional(statement.integer(0)) : std::nullopt;
}

}  // namespace bookstore::bus
