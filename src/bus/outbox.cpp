#include "bus/outbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace bookstore::bus {
namespace {

const storage::Sql insert_row{
    "*", "INSERT INTO outbox(key, type, time, trace, payload) VALUES (?1, ?2, ?3, ?4, ?5)"
};
/// A transaction removes at most so many: after the relay has rested for long, the one that comes
/// first would be late by all that it left.
constexpr std::int64_t most_removed = 8192;

const storage::Sql delete_relayed{
    "*",
    "DELETE FROM outbox "
    "WHERE position <= ?1 AND position < ?2 + (SELECT min(position) FROM outbox)"
};
const storage::Sql select_rows{
    "*",
    "SELECT position, key, type, time, trace, payload FROM outbox "
    "WHERE position > ?1 ORDER BY position LIMIT ?2"
};
const storage::Sql delete_all{"*", "DELETE FROM outbox"};
const storage::Sql delete_newest{"*", "DELETE FROM sqlite_sequence WHERE name = 'outbox'"};
const storage::Sql insert_newest{
    "*", "INSERT INTO sqlite_sequence(name, seq) VALUES ('outbox', ?1)"
};
const storage::Sql select_newest{"*", "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"};

}  // namespace

Outbox::Outbox(std::string source, storage::Database& database, std::function<void()> ring)
    : source_(std::move(source)), database_(database), ring_(std::move(ring)) {
    database_.writer().at_begin([this](storage::Connection& db) {
        const std::int64_t removable = removable_.load(std::memory_order_acquire);
        if (removable > removed_) {
            db.prepare(delete_relayed).bind(removable, most_removed).run();
            // As many as there may be: the next transaction has the rest.
            removing_ = db.changes() < most_removed ? removable : removed_;
        }
    });
    database_.writer().after_commit([this] {
        removed_ = removing_;
        if (appended_) {
            appended_ = false;
            signal();
            ring_();
        }
    });
    database_.writer().after_reopening([this] {
        signal();
        ring_();
    });
}

void Outbox::append(
    storage::Connection& db,
    std::string_view key,
    std::string_view type,
    std::int64_t time_ms,
    std::string_view trace,
    std::string_view payload
) {
    if (std::ranges::find(declared_, type) == declared_.end()) {
        throw std::logic_error(
            fmt::format("{} publishes {}, which it has not declared to publish", source_, type)
        );
    }
    db.prepare(insert_row).bind(key, type, time_ms, trace, payload).run();
    appended_ = true;
}

std::vector<Envelope> Outbox::read(std::int64_t position, std::size_t limit) {
    std::vector<Envelope> rows;
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_rows);
    statement.bind(position, limit);
    while (statement.step()) {
        rows.push_back({
            .position = 0,
            .source = source_,
            .source_position = statement.integer(0),
            .key = statement.string(1),
            .type = statement.string(2),
            .time_ms = statement.integer(3),
            .trace = statement.string(4),
            .payload = statement.string(5),
        });
    }
    return rows;
}

void Outbox::replace(
    storage::Connection& db, std::int64_t position, const std::vector<Envelope>& rows
) {
    db.prepare(delete_all).run();
    db.prepare(delete_newest).run();
    db.prepare(insert_newest).bind(position).run();
    for (const Envelope& row : rows) {
        db.prepare(insert_row).bind(row.key, row.type, row.time_ms, row.trace, row.payload).run();
    }
}

std::int64_t Outbox::newest() {
    const storage::Reader reader = database_.read();
    auto statement = reader->prepare(select_newest);
    return statement.step() ? statement.integer(0) : 0;
}

std::optional<std::int64_t> Outbox::waiting_since_ms() {
    const auto oldest = read(relayed_.load(std::memory_order_acquire), 1);
    return oldest.empty() ? std::nullopt : std::optional(oldest.front().time_ms);
}

std::int64_t Outbox::depth() {
    return newest() - relayed_.load(std::memory_order_acquire);
}

}  // namespace bookstore::bus
