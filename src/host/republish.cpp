#include "host/republish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "bus/mirror_table.hpp"
#include "bus/row_id.hpp"
#include "host/offline_system.hpp"
#include "host/shop.hpp"
#include "storage/database.hpp"
#include "storage/error.hpp"

namespace bookstore::host {
namespace {

constexpr std::int64_t most_under_way = 2000;  ///< records
constexpr std::size_t events_at_once = 1024;

const storage::Sql update_shop{"*", "UPDATE shop SET id = ?1 WHERE number = 1"};
const storage::Sql update_topic_shop{"topic", "UPDATE shop SET id = ?1 WHERE number = 1"};
const storage::Sql update_hash{"*", "UPDATE subscription SET hash = ?2 WHERE name = ?1"};

storage::Database::Options options_of(
    const std::string& directory, const std::string& name, const Clock& clock
) {
    storage::Database::Options options;
    options.path = fmt::format("{}/{}.db", directory, name);
    options.migrations = {name};
    options.now_ms = clock.now_ms();
    return options;
}

bus::Topic topic_in(const std::string& directory, const Clock& clock) {
    return bus::Topic(options_of(directory, "topic", clock));
}

storage::Job job_of(std::function<void(storage::Connection&)> write) {
    return {
        .durable = true,
        .run =
            [write = std::move(write)](storage::Connection& db) {
                write(db);
                return true;
            },
        .done = {},
    };
}

/// Each event of a log as a record, and the hash of the log up to it.
void for_each_record(
    bus::Topic& log, const std::function<void(bus::Record record, const std::string& hash)>& use
) {
    bus::View seen;
    std::map<std::string, std::string> newest;
    for (;;) {
        const auto events = log.read(seen.length, {}, events_at_once).events;
        if (events.empty()) {
            return;
        }
        for (const auto& event : events) {
            std::string id = bus::row_id(*event);
            std::string hash = bus::chained(seen.hash, id);
            std::string before = std::exchange(newest[event->source], id);
            bus::Record record{*event, std::move(id), std::move(before), seen};
            record.event.position = 0;
            use(std::move(record), hash);
            seen = {event->position, std::move(hash)};
        }
    }
}

}  // namespace

Republish::Republish(
    std::vector<std::string> directories, const Contexts& contexts, const Clock& clock
)
    : clock_(clock) {
    for (const std::string& directory : directories) {
        logs_.push_back(bring_up_to_date(directory, contexts));
        if (!logs_.back().is_mirror && directories.size() > 1) {
            throw storage::Refused(fmt::format(
                "{}/topic.db is a log of its own, and no mirror: it is carried alone", directory
            ));
        }
    }
    source_ = *std::ranges::max_element(logs_, {}, &Log::length);
    for (const Log& log : logs_) {
        require_prefix(log);
    }
}

/// Migrated, and with what was published there.
Republish::Log Republish::bring_up_to_date(const std::string& directory, const Contexts& contexts) {
    OfflineSystem offline(directory, contexts, clock_);
    System& system = offline.get();
    Log log{.directory = directory, .length = system.topic().end()};
    log.is_mirror = system.mirror() != nullptr;
    if (!log.is_mirror && !system.relay().healthy()) {
        throw storage::Refused(system.relay().fault());
    }
    if (log.length > 0 && system.topic().first() > 1) {
        throw storage::Refused(fmt::format(
            "{}/topic.db begins at event {}: a log whose beginning was removed by "
            "--topic-retention cannot be carried",
            directory,
            system.topic().first()
        ));
    }
    places_[log.length];
    for (const auto& module : system.modules()) {
        log.contexts.push_back(module->name());
        for (const bus::StoredCursor& cursor : bus::stored_cursors(*module->read())) {
            places_[cursor.position];
        }
    }
    system.topic().flush();
    return log;
}

void Republish::require_prefix(const Log& log) const {
    if (log.directory == source_.directory || log.length == 0) {
        return;
    }
    const auto row_of = [&](const std::string& directory) {
        bus::Topic topic = topic_in(directory, clock_);
        return bus::MirrorTable::at(*topic.reader(), log.length);
    };
    const auto is = row_of(log.directory);
    const auto should_be = row_of(source_.directory);
    if (!is || !should_be || is->hash != should_be->hash) {
        throw storage::Refused(fmt::format(
            "{}/topic.db has {} events that are not the first ones of {}/topic.db: these two are "
            "of different logs, and only one of them can be carried",
            log.directory,
            log.length,
            source_.directory
        ));
    }
}

void Republish::send(bus::Pipe& pipe, const std::function<void(std::int64_t)>& progress) {
    pipe.read_from(0);
    std::deque<std::string> under_way;  // ids, in order
    std::int64_t given = 0;
    std::int64_t come = 0;
    const auto take = [&](const bus::PipeEvent& event) {
        const auto* arrived = std::get_if<bus::Arrived>(&event);
        if (arrived == nullptr) {
            return;
        }
        if (!arrived->record || under_way.empty() || arrived->record->id != under_way.front() ||
            arrived->offset != come) {
            throw storage::Refused(fmt::format(
                "offset {} of the topic has another record than was sent: somebody else writes to "
                "it; carry the log to another, empty topic",
                arrived->offset
            ));
        }
        under_way.pop_front();
        if (const auto place = places_.find(++come); place != places_.end()) {
            place->second.appended_ms = arrived->appended_ms;
        }
        if (progress) {
            progress(come);
        }
    };
    const auto read_until = [&](std::int64_t least) {
        while (come < least) {
            const auto events = pipe.read(events_at_once);
            std::ranges::for_each(events, take);
            if (const auto why = pipe.sending_failed()) {
                throw storage::Refused(
                    "the log was not carried as a whole: " + *why + "; carry it to another topic"
                );
            }
            if (events.empty()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
    };
    bus::Topic log = topic_in(source_.directory, clock_);
    for_each_record(log, [&](bus::Record record, const std::string& hash) {
        if (const auto place = places_.find(++given); place != places_.end()) {
            place->second = {.id = record.id, .hash = hash};
        }
        under_way.push_back(record.id);
        pipe.send(std::move(record));
        read_until(given - most_under_way);
    });
    read_until(given);
}

void Republish::settle(const std::string& topic) {
    for (const Log& log : logs_) {
        for (const std::string& name : log.contexts) {
            settle_context(log, name, topic);
        }
        settle_topic(log, topic);
    }
}

void Republish::settle_context(const Log& log, const std::string& name, const std::string& topic) {
    auto options = options_of(log.directory, name, clock_);
    options.migrations.insert(options.migrations.begin(), "bus");
    storage::Database file(std::move(options));
    file.writer().commit_now(job_of([&](storage::Connection& db) {
        db.prepare(update_shop).bind(shop_of_topic(topic)).run();
        if (log.is_mirror) {
            return;  // its cursors have their hashes
        }
        for (const bus::StoredCursor& cursor : bus::stored_cursors(db)) {
            const std::string& hash = places_.at(cursor.position).hash;
            db.prepare(update_hash).bind(cursor.subscription, hash).run();
        }
    }));
    file.writer().flush();
}

void Republish::settle_topic(const Log& log, const std::string& topic) {
    bus::ReadTo read_to{.topic = topic, .next_offset = log.length};
    if (log.length > 0) {
        const Place& last = places_.at(log.length);
        read_to.last = bus::LastRecord{log.length - 1, last.id, last.appended_ms};
    }
    bus::Topic file = topic_in(log.directory, clock_);
    file.commit_now(job_of([&](storage::Connection& db) {
        if (!log.is_mirror) {
            std::map<std::string, std::string> newest;
            for_each_record(file, [&](const bus::Record& record, const std::string& hash) {
                bus::MirrorTable::add(db, {record.seen.length + 1, record.id, hash});
                newest[record.event.source] = record.id;
            });
            for (const auto& [source, id] : newest) {
                bus::MirrorTable::write_mark(db, source, id);
            }
        }
        bus::MirrorTable::write(db, read_to);
        db.prepare(update_topic_shop).bind(shop_of_topic(topic)).run();
    }));
    file.flush();
}

}  // namespace bookstore::host
