#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "bus/identity_map.hpp"

namespace bookstore::bus {

/// Keeps the rows that handlers have in memory from saying something else than the file: they are
/// forgotten whenever what was flushed may not be there. Does nothing where there are no such rows.
/// Module's thread.
class CachedRows {
  public:
    /// `rows` may be null.
    explicit CachedRows(std::shared_ptr<IdentityMap> rows) : rows_(std::move(rows)) {}

    /// A transaction begins, on the writer's connection of that generation. The writer may run a
    /// job twice before it tells of it: the first time was rolled back then. And a file that was
    /// opened again after an error may have lost what was not synced.
    void begin(std::uint64_t generation) {
        if (in_transaction_ || generation_ != generation) {
            clear();
        }
        generation_ = generation;
        in_transaction_ = true;
    }
    /// Inside the transaction: writes what was changed. Throws storage::Error.
    void flush(storage::Connection& db) {
        if (rows_) {
            rows_->flush(db);
        }
    }
    /// What was flushed since begin() is committed, or it may be gone. May be called without a
    /// begin(): nothing happens then.
    void end(bool committed) {
        if (std::exchange(in_transaction_, false) && !committed) {
            clear();
        }
    }
    /// The file may stand where it stood before they were changed.
    void clear() {
        if (rows_) {
            rows_->clear();
        }
    }

  private:
    std::shared_ptr<IdentityMap> rows_;
    bool in_transaction_ = false;   ///< it is not known to be committed
    std::uint64_t generation_ = 0;  ///< the writer's, when they were read
};

}  // namespace bookstore::bus
