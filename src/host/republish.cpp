#include "host/republish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "bus/mirror_table.hpp"
#include "bus/row_id.hpp"
#include "host/offline_partition.hpp"
#include "host/shop.hpp"
#include "storage/database.hpp"
#include "storage/error.hpp"

namespace bookstore::host {
namespace {

constexpr std::int64_t most_under_way = 2000;  ///< records

const storage::Sql select_log{
    "topic",
    "SELECT position, type, source, source_position, key, time, trace, payload FROM event "
    "WHERE position > ?1 ORDER BY position LIMIT 1024"
};
const storage::Sql update_shop{"*", "UPDATE shop SET id = ?1 WHERE number = 1"};
const storage::Sql update_topic_shop{"topic", "UPDATE shop SET id = ?1 WHERE number = 1"};
const storage::Sql update_hash{"*", "UPDATE subscription SET hash = ?2 WHERE name = ?1"};

storage::Database opened(
    const std::string& directory, const std::string& name, const Clock& clock
) {
    storage::Database::Options options;
    options.path = fmt::format("{}/{}.db", directory, name);
    options.migrations =
        name == "topic" ? std::vector<std::string>{name} : std::vector<std::string>{"bus", name};
    options.now_ms = clock.now_ms();
    return storage::Database(std::move(options));
}

void commit(storage::Database& database, const std::function<void(storage::Connection&)>& write) {
    database.writer().commit_now({
        .durable = true,
        .run =
            [&write](storage::Connection& db) {
                write(db);
                return true;
            },
        .done = {},
    });
    database.writer().flush();
}

std::vector<bus::Envelope> events_after(storage::Connection& db, std::int64_t position) {
    std::vector<bus::Envelope> events;
    auto row = db.prepare(select_log);
    row.bind(position);
    while (row.step()) {
        events.push_back({
            .position = row.integer(0),
            .source = row.string(2),
            .source_position = row.integer(3),
            .key = row.string(4),
            .type = row.string(1),
            .time_ms = row.integer(5),
            .trace = row.string(6),
            .payload = row.string(7),
        });
    }
    return events;
}

/// Each event of a log as a record, and the hash of the log up to it.
void for_each_record(
    storage::Database& log,
    const std::function<void(bus::Record record, const std::string& hash)>& use
) {
    const storage::Reader reader = log.read();
    bus::View seen;
    std::map<std::string, std::string> newest;
    for (;;) {
        auto events = events_after(*reader, seen.length);
        if (events.empty()) {
            return;
        }
        for (bus::Envelope& event : events) {
            std::string id = bus::row_id(event);
            std::string hash = bus::chained(seen.hash, id);
            const std::int64_t position = event.position;
            std::string& previous = newest[event.source];
            std::string before = std::exchange(previous, id);
            use({std::move(event), std::move(id), std::move(before), seen}, hash);
            seen = {position, std::move(hash)};
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
    Log log{.directory = directory};
    for (const kernel::Context& context : contexts) {
        if (std::filesystem::exists(fmt::format("{}/{}.db", directory, context.name))) {
            log.contexts.push_back(context.name);
        }
    }
    if (log.contexts.empty()) {
        throw storage::Refused(directory + " has the file of no context");
    }
    SystemRandom random;
    System system(
        contexts,
        {.data_dir = directory, .modules = log.contexts, .partition = offline_partition(directory)},
        clock_,
        random,
        [](std::size_t) {}
    );
    while (system.relay().step()) {
    }
    for (const auto& module : system.modules()) {  // what a start has them write
        while (module->database().writer().step()) {
        }
    }
    log.is_mirror = system.mirror() != nullptr;
    if (!log.is_mirror && !system.relay().healthy()) {
        throw storage::Refused(system.relay().fault());
    }
    log.length = system.topic().end();
    if (log.length > 0 && system.topic().first() > 1) {
        throw storage::Refused(fmt::format(
            "{}/topic.db begins at event {}: a log whose beginning was removed by "
            "--topic-retention cannot be carried",
            directory,
            system.topic().first()
        ));
    }
    system.topic().flush();
    return log;
}

void Republish::require_prefix(const Log& log) const {
    if (log.directory == source_.directory || log.length == 0) {
        return;
    }
    storage::Database mine = opened(log.directory, "topic", clock_);
    storage::Database longest = opened(source_.directory, "topic", clock_);
    const auto is = bus::MirrorTable::at(*mine.read(), log.length);
    const auto should_be = bus::MirrorTable::at(*longest.read(), log.length);
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
    sent_.clear();
    pipe.read_from(0);
    std::int64_t given = 0;
    std::vector<std::string> ids;
    const auto take = [&](const bus::PipeEvent& event) {
        const auto* arrived = std::get_if<bus::Arrived>(&event);
        if (arrived == nullptr) {
            return;
        }
        const std::size_t place = sent_.size();
        if (!arrived->record || place >= ids.size() || arrived->record->id != ids[place] ||
            arrived->offset != static_cast<std::int64_t>(place)) {
            throw storage::Refused(fmt::format(
                "offset {} of the topic has another record than was sent: somebody else writes to "
                "it; carry the log to another, empty topic",
                arrived->offset
            ));
        }
        sent_.push_back({arrived->record->id, arrived->appended_ms});
        if (progress) {
            progress(static_cast<std::int64_t>(sent_.size()));
        }
    };
    const auto read_until = [&](std::int64_t least) {
        while (static_cast<std::int64_t>(sent_.size()) < least) {
            const auto events = pipe.read(1000);
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
    storage::Database log = opened(source_.directory, "topic", clock_);
    for_each_record(log, [&](bus::Record record, const std::string&) {
        ids.push_back(record.id);
        pipe.send(std::move(record));
        ++given;
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
    std::map<std::int64_t, std::string> hashes;
    storage::Database file = opened(log.directory, name, clock_);
    const auto cursors = bus::stored_cursors(*file.read());
    if (!log.is_mirror) {
        for (const bus::StoredCursor& cursor : cursors) {
            hashes[cursor.position];
        }
        storage::Database events = opened(log.directory, "topic", clock_);
        for_each_record(events, [&](const bus::Record& record, const std::string& hash) {
            const auto wanted = hashes.find(record.seen.length + 1);
            if (wanted != hashes.end()) {
                wanted->second = hash;
            }
        });
    }
    commit(file, [&](storage::Connection& db) {
        db.prepare(update_shop).bind(shop_of_topic(topic)).run();
        for (const bus::StoredCursor& cursor : cursors) {
            if (!log.is_mirror) {
                db.prepare(update_hash).bind(cursor.subscription, hashes[cursor.position]).run();
            }
        }
    });
}

void Republish::settle_topic(const Log& log, const std::string& topic) {
    bus::ReadTo read_to{.topic = topic, .next_offset = log.length};
    if (log.length > 0) {
        const Sent& last = sent_.at(static_cast<std::size_t>(log.length - 1));
        read_to.last = bus::LastRecord{log.length - 1, last.id, last.appended_ms};
    }
    storage::Database file = opened(log.directory, "topic", clock_);
    commit(file, [&](storage::Connection& db) {
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
    });
}

}  // namespace bookstore::host
