#pragma once

#include <cstdint>
#include <string>

namespace bookstore::bench {

struct DrainOptions {
    std::string data_dir;  ///< of a server that has just been started
    std::string context;   ///< that was stopped before
};

/// Waits until a context has handled all that the topic held when this began. Figures: behind (its
/// events then), drain_s, events_per_s (when there were any); a curve over the seconds: behind.
void measure_drain(const DrainOptions& options);

/// Waits until no event has come for a second.
void wait_until_quiet(const std::string& data_dir);

struct RebuildOptions {
    std::string url;
    std::string read_model = "my-page";
    std::string target = "/myPages/1";  ///< what readers ask for meanwhile
    double reads_per_s = 500;
    double before_s = 5;  ///< how long readers are measured before
};

/// Rebuilds a read model while readers come at a steady rate. Figures: rebuild_s, and the readers'
/// p50 and p99 before and during: before_ms, before_p99_ms, during_ms, during_p99_ms.
void measure_rebuild(const RebuildOptions& options);

struct DiskOptions {
    std::string data_dir;  ///< of a server that was stopped
    std::int64_t orders = 0;
};

/// Figures: bytes (an order, of everything in the directory), bytes/FILE (of that file and what
/// belongs to it), bytes/FILE/TABLE (of a table or an index: its pages), bytes/FILE/(free) (of
/// pages that are reused).
void measure_disk(const DiskOptions& options);

}  // namespace bookstore::bench
