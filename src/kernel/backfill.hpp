#pragma once

#include "bus/topic.hpp"
#include "kernel/module.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

/// What comes from now on is not filled in. Throws storage::Error; so does the other.
void note_unfilled(const Declarations::Backfill& backfill, storage::Database& database);

/// Fills in what that file lacks, out of the log; nothing when it lacks nothing. Before anybody
/// else writes.
void fill_in(
    const Declarations::Backfill& backfill, storage::Database& database, bus::Topic& topic
);

}  // namespace bookstore::kernel
