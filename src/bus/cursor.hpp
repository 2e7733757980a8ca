#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/connection.hpp"

namespace bookstore::bus {

/// Where a subscription stands, as its file has it.
struct StoredCursor {
    std::string subscription;
    std::int64_t position = 0;
    std::optional<std::string> hash{};  ///< of the log up to there, where that was a mirror
};
/// Of that module's file, all.
std::vector<StoredCursor> stored_cursors(storage::Connection& db);

/// The row of a subscription in its module's file: everything in the topic up to its position is
/// handled, or held. Writes inside a transaction of the writer; all throw storage::Error.
class Cursor {
  public:
    explicit Cursor(std::string subscription) : subscription_(std::move(subscription)) {}

    /// 0 when there is none yet. Any connection of the module.
    std::int64_t read(storage::Connection& db) const;
    /// There is one, at 0 too. Any connection of the module.
    bool exists(storage::Connection& db) const;
    /// It stands there if there was none. `hash`: of the log up to there, where that is a mirror.
    void begin(
        storage::Connection& db,
        std::int64_t position = 0,
        const std::optional<std::string>& hash = {}
    ) const;
    /// false when it does not stand at `from`: another one was put there.
    bool move(
        storage::Connection& db,
        std::int64_t from,
        std::int64_t to,
        const std::optional<std::string>& hash = {}
    ) const;
    /// It stands where the other one stood, which goes.
    void replace_by(storage::Connection& db, const Cursor& other) const;
    /// It stands where the other one stands.
    void copy(storage::Connection& db, const Cursor& other) const;
    void clear(storage::Connection& db) const;

  private:
    std::string subscription_;
};

}  // namespace bookstore::bus
