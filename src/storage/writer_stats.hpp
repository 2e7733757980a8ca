#pragma once

#include "base/metrics.hpp"

namespace bookstore::storage {

/// What a writer counts. Its thread adds, any thread reads.
struct WriterStats {
    BatchSizes jobs;         ///< of each commit: how many were committed together
    Latencies synced;        ///< what COMMIT took, with the fsync of the WAL
    Latencies unsynced;      ///< and without
    Counter failed_commits;  ///< batches of which nobody was acknowledged
};

}  // namespace bookstore::storage
