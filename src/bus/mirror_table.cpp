#include "bus/mirror_table.hpp"

#include <algorithm>
#include <limits>

namespace bookstore::bus {
namespace {

const storage::Sql select_partition{
    "topic",
    "SELECT topic, next_offset, last_offset, last_id, last_appended FROM partition WHERE number = 1"
};
const storage::Sql write_partition{
    "topic",
    "INSERT OR REPLACE INTO partition(number, topic, next_offset, last_offset, last_id, "
    "last_appended) VALUES (1, ?1, ?2, ?3, ?4, ?5)"
};
const storage::Sql insert_mirrored{
    "topic", "INSERT INTO mirrored(position, id, hash) VALUES (?1, ?2, ?3)"
};
const storage::Sql select_mirrored{
    "topic", "SELECT position, id, hash FROM mirrored WHERE position = ?1"
};
const storage::Sql select_last{
    "topic",
    "SELECT position, id, hash FROM mirrored WHERE position = (SELECT max(position) FROM mirrored)"
};
const storage::Sql select_marks{"topic", "SELECT source, position, coalesce(id, '') FROM relayed"};
const storage::Sql update_mark{"topic", "UPDATE relayed SET id = ?2 WHERE source = ?1"};
const storage::Sql select_back{
    "topic",
    "SELECT position, source, source_position FROM event WHERE position <= ?1 "
    "ORDER BY position DESC"
};

}  // namespace

std::optional<ReadTo> MirrorTable::read_to(storage::Connection& db) {
    auto row = db.prepare(select_partition);
    if (!row.step()) {
        return std::nullopt;
    }
    ReadTo result{.topic = row.string(0), .next_offset = row.integer(1)};
    if (!row.null(2)) {
        result.last = LastRecord{row.integer(2), row.string(3), row.integer(4)};
    }
    return result;
}

void MirrorTable::write(storage::Connection& db, const ReadTo& read_to) {
    auto statement = db.prepare(write_partition);
    if (const auto& last = read_to.last) {
        statement.bind(
            read_to.topic, read_to.next_offset, last->offset, last->id, last->appended_ms
        );
    } else {
        statement.bind(read_to.topic, read_to.next_offset, nullptr, nullptr, nullptr);
    }
    statement.run();
}

void MirrorTable::add(storage::Connection& db, const Row& row) {
    db.prepare(insert_mirrored).bind(row.position, row.id, row.hash).run();
}

std::optional<MirrorTable::Row> MirrorTable::at(storage::Connection& db, std::int64_t position) {
    auto row = db.prepare(select_mirrored);
    row.bind(position);
    return row.step() ? std::optional(Row{row.integer(0), row.string(1), row.string(2)})
                      : std::nullopt;
}

std::optional<MirrorTable::Row> MirrorTable::last(storage::Connection& db) {
    auto row = db.prepare(select_last);
    return row.step() ? std::optional(Row{row.integer(0), row.string(1), row.string(2)})
                      : std::nullopt;
}

std::map<std::string, Mark, std::less<>> MirrorTable::marks(storage::Connection& db) {
    std::map<std::string, Mark, std::less<>> marks;
    auto row = db.prepare(select_marks);
    while (row.step()) {
        marks.emplace(row.string(0), Mark{row.integer(1), row.string(2)});
    }
    return marks;
}

void MirrorTable::write_mark(
    storage::Connection& db, std::string_view source, std::string_view id
) {
    db.prepare(update_mark).bind(source, id).run();
}

std::vector<Mark> MirrorTable::ids_from(
    storage::Connection& db, std::string_view source, std::int64_t first
) {
    std::vector<Mark> found;
    auto row = db.prepare(select_back);
    row.bind(std::numeric_limits<std::int64_t>::max());
    while (row.step()) {
        if (row.text(1) != source) {
            continue;
        }
        if (row.integer(2) < first) {
            break;
        }
        const auto mirrored = at(db, row.integer(0));
        found.push_back({row.integer(2), mirrored ? mirrored->id : std::string()});
        if (row.integer(2) == first) {
            break;
        }
    }
    std::ranges::reverse(found);
    return found;
}

}  // namespace bookstore::bus
