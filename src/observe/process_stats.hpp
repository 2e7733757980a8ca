#pragma once

#include <cstdint>

namespace bookstore::observe {

/// What the system knows of this process.
struct ProcessStats {
    double cpu_seconds = 0;
    double start_time_seconds = 0;  ///< since 1970
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t open_fds = 0;
    std::uint64_t max_fds = 0;
    std::uint64_t threads = 0;
};

/// Asked of the system, in /proc mostly; what cannot be read is 0.
ProcessStats process_stats();

}  // namespace bookstore::observe
