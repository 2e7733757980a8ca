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
const storage::Sql select_first{"topic", "SELECT coalesce(min(position), 1) FROM event"};
const storage::Sql select_events{
    "topic",
    "SELECT position, type, source, source_position, key, time, trace, payload FROM event "
    "WHERE position > ?1 ORDER BY position LIMIT ?2"
};
const storage::Sql delete_events{"topic", "DELETE FROM event WHERE position <= ?1"};
const storage::Sql select_event{
    "topic",
    "SELECT position, type, source, source_position, key, time, trace, payload FROM event "
    "WHERE position = ?1"
};
const storage::Sql select_time{
    "topic", "SELECT time FROM event WHERE position > ?1 ORDER BY position LIMIT 1"
};

constexpr std::size_t max_scanned = 4096;      ///< rows that one read looks at
constexpr std::size_t max_tail = 16'384;       ///< events in memory, less than a KiB each
constexpr std::size_t max_mirror_tail = 4096;  ///< of which every process has its own

bool among(const Types& types, std::string_view type) {
    return types.empty() || std::ranges::find(types, type) != types.end();
}

std::int64_t relayed_in(storage::Connection& db, std::string_view source) {
    auto statement = db.prepare(select_relayed);
    statement.bind(source);
    return statement.step() ? statement.integer(0) : 0;
}

Envelope envelope_in(storage::Statement& row) {
    return {
        .position = row.integer(0),
        .source = row.string(2),
        .source_position = row.integer(3),
        .key = row.string(4),
        .type = row.string(1),
        .time_ms = row.integer(5),
        .trace = row.string(6),
        .payload = row.string(7),
    };
}

}  // namespace

Topic::Topic(storage::Database::Options options) : database_(std::move(options)) {
    first_ = stored_first();
    end_ = stored_end();
}

std::int64_t Topic::relayed(std::string_view source) {
    const storage::Reader reader = database_.read();
    return relayed_in(*reader, source);
}

/// Appends what is new of a run of events of one source.
void Topic::append_run(storage::Connection& db, std::span<Envelope> run) {
    const std::int64_t relayed = relayed_in(db, run.front().source);
    const auto fresh = std::ranges::find_if(run, [relayed](const Envelope& event) {
        return event.source_position > relayed;
    });
    const std::span<Envelope> appended(fresh, run.end());
    for (Envelope& event : appended) {
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
    if (!appended.empty()) {
        for (LogIndex* const index : indexes_) {
            index->append(db, appended);
        }
    }
    db.prepare(update_relayed)
        .bind(run.front().source, std::max(relayed, run.back().source_position))
        .run();
}

void Topic::append_all(storage::Connection& db, std::span<Envelope> events) {
    for (auto run = events.begin(); run != events.end();) {
        const auto end = std::find_if(run, events.end(), [&](const Envelope& event) {
            return event.source != run->source;
        });
        append_run(db, {run, end});
        run = end;
    }
}

void Topic::append(std::span<Envelope> events, const Append& how) {
    try {
        commit_now({
            .durable = how.durable,
            .run =
                [&](storage::Connection& db) {
                    append_all(db, events);
                    if (how.also) {
                        how.also(db);
                    }
                    return true;
                },
            .done = {},
        });
    } catch (...) {
        for (LogIndex* const index : indexes_) {
            index->forget();
        }
        throw;
    }
    // Rows without a position are in the log since an append whose commit was reported as failed:
    // everyone is told, so that it reads them.
    const bool unsure =
        std::ranges::any_of(events, [](const Envelope& event) { return event.position == 0; });
    const std::int64_t end = unsure ? stored_end() : events.back().position;
    Newest newest;
    for (const Envelope& event : events) {
        Brought& brought = newest[event.type];
        brought.last = event.position;
        ++brought.count;
    }
    if (unsure) {
        forget_tail();
    } else {
        remember(events);
    }
    end_.store(end, std::memory_order_release);
    tell(newest, unsure);
    database_.writer().checkpoint_if_due();  // who was told does not wait for it
}

void Topic::refresh() {
    const std::int64_t end = stored_end();
    if (end == this->end()) {
        return;
    }
    forget_tail();
    end_.store(end, std::memory_order_release);
    tell({}, true);
}

std::int64_t Topic::cut(std::int64_t position, std::size_t limit) {
    const std::int64_t first = this->first();
    const std::int64_t to =
        std::min({position, end() - 1, first - 1 + static_cast<std::int64_t>(limit)});
    if (to < first) {
        return 0;
    }
    first_.store(to + 1, std::memory_order_release);  // whoever reads now is told of the gap
    try {
        commit_now({
            .durable = false,
            .run =
                [&](storage::Connection& db) {
                    for (LogIndex* const index : indexes_) {
                        index->remove(db, to);
                    }
                    db.prepare(delete_events).bind(to).run();
                    return true;
                },
            .done = {},
        });
    } catch (...) {
        first_.store(stored_first(), std::memory_order_release);
        throw;
    }
    database_.writer().checkpoint_if_due();
    return to - first + 1;
}

bool Topic::give_back(int pages) {
    bool more = false;
    commit_now({
        .durable = false,
        .run =
            [&](storage::Connection& db) {
                more = storage::give_back_pages(db, pages);
                return true;
            },
        .done = {},
    });
    database_.writer().checkpoint_if_due();
    return more;
}

storage::FileSpace Topic::space() {
    const storage::Reader reader = database_.read();
    return storage::space_of(*reader);
}

void Topic::forget_tail() {
    const std::scoped_lock lock(tail_.mutex);
    tail_.events.clear();
}

/// Keeps these events in memory, which are the log's last.
void Topic::remember(std::span<Envelope> events) {
    const std::scoped_lock lock(tail_.mutex);
    auto& tail = tail_.events;
    if (!tail.empty() && tail.back()->position + 1 != events.front().position) {
        tail.clear();
    }
    for (Envelope& event : events) {
        event.reading = std::make_shared<Reading>();
        const std::int64_t position = event.position;
        tail.push_back(std::make_shared<const Envelope>(std::move(event)));
        event.position = position;
    }
    const std::size_t most = is_mirror() ? max_mirror_tail : max_tail;
    if (tail.size() > most) {
        tail.erase(tail.begin(), tail.end() - static_cast<std::ptrdiff_t>(most));
    }
}

std::int64_t Topic::stored_first() {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_first);
    statement.step();
    return statement.integer(0);
}

std::int64_t Topic::stored_end() {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_end);
    return statement.step() ? statement.integer(0) : 0;
}

void Topic::tell(const Newest& appended, bool everyone) {
    const std::scoped_lock lock(mutex_);
    for (const auto& [type, brought] : appended) {
        appended_[type] += brought.count;
    }
    for (const Entry& entry : listeners_) {
        std::int64_t newest = everyone ? end() : 0;
        for (const auto& [type, brought] : appended) {
            if (among(entry.types, type)) {
                newest = std::max(newest, brought.last);
            }
        }
        if (newest > 0) {
            entry.listener(newest);
        }
    }
}

EventCounts Topic::appended() {
    const std::scoped_lock lock(mutex_);
    return appended_;
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
    if (read_tail(position, types, limit, batch)) {
        return batch;
    }
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_events);
    statement.bind(position, max_scanned);
    while (batch.events.size() < limit && statement.step()) {
        batch.scanned = statement.integer(0);
        if (!among(types, statement.text(1))) {
            continue;
        }
        batch.events.push_back(std::make_shared<const Envelope>(envelope_in(statement)));
    }
    return batch;
}

/// false: the events after `position` are not in memory.
bool Topic::read_tail(std::int64_t position, const Types& types, std::size_t limit, Batch& batch) {
    const std::scoped_lock lock(tail_.mutex);
    const auto& tail = tail_.events;
    if (tail.empty() || position + 1 < tail.front()->position) {
        return false;
    }
    const auto passed = static_cast<std::size_t>(position + 1 - tail.front()->position);
    const std::size_t end = std::min(tail.size(), passed + max_scanned);
    for (std::size_t i = passed; i < end && batch.events.size() < limit; ++i) {
        batch.scanned = tail[i]->position;
        if (among(types, tail[i]->type)) {
            batch.events.push_back(tail[i]);
        }
    }
    return true;
}

void Topic::idle() {
    database_.writer().idle();
    forget_tail();
}

std::optional<Envelope> Topic::at(std::int64_t position) {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_event);
    statement.bind(position);
    return statement.step() ? std::optional(envelope_in(statement)) : std::nullopt;
}

std::optional<std::int64_t> Topic::time_of_next_after(std::int64_t position) {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_time);
    statement.bind(position);
    return statement.step() ? std::optional(statement.integer(0)) : std::nullopt;
}

}  // namespace bookstore::bus
