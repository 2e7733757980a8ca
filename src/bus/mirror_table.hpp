#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/event.hpp"
#include "storage/connection.hpp"

namespace bookstore::bus {

/// Where a source stands in a mirror: its newest event there. Of none: 0 and an empty id.
struct Mark {
    std::int64_t position = 0;  ///< of its outbox
    std::string id{};

    bool operator==(const Mark&) const = default;
};

/// A record of a partition, to be known again.
struct LastRecord {
    std::int64_t offset = 0;
    std::string id{};  ///< empty: it was none of ours
    std::int64_t appended_ms = 0;

    bool operator==(const LastRecord&) const = default;
};

/// How far a partition was read.
struct ReadTo {
    std::string topic{};  ///< its name at the broker
    std::int64_t next_offset = 0;
    std::optional<LastRecord> last{};  ///< nothing: none was read yet
};

/// What topic.db keeps of a mirror beside its events. All throw storage::Error; who writes is
/// inside a transaction of the topic.
class MirrorTable {
  public:
    /// Nothing: that log is no mirror.
    static std::optional<ReadTo> read_to(storage::Connection& db);
    static void write(storage::Connection& db, const ReadTo& read_to);
    /// The ids of events, which take these positions, and the hashes up to them.
    struct Row {
        std::int64_t position;
        std::string id;
        std::string hash;
    };
    static void add(storage::Connection& db, const Row& row);
    /// The row of that position; nothing when there is none.
    static std::optional<Row> at(storage::Connection& db, std::int64_t position);
    /// The newest row; nothing when there is none.
    static std::optional<Row> last(storage::Connection& db);
    static std::map<std::string, Mark, std::less<>> marks(storage::Connection& db);
    /// The id of the event at a source's mark.
    static void write_mark(storage::Connection& db, std::string_view source, std::string_view id);
    /// The ids of that source's events from that position of its outbox on, in its order: those
    /// of the log's end are found at once, older ones by going back to them.
    static std::vector<Mark> ids_from(
        storage::Connection& db, std::string_view source, std::int64_t first
    );
};

}  // namespace bookstore::bus
