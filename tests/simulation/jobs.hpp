#pragma once

#include <cstdint>
#include <functional>

#include "simulation/tally.hpp"

namespace bookstore::test {

/// Seeds to be run, and how.
struct Jobs {
    std::uint64_t seed = 1;      ///< the first
    std::int64_t runs = 1;       ///< how many seeds
    std::int64_t processes = 1;  ///< at a time; 1: in this one
    std::int64_t most_broken = 5;
};

struct JobsResult {
    Tally sum;
    std::int64_t runs = 0;  ///< that were begun
    std::int64_t broken = 0;
};

/// Runs one seed and adds to the tally; false when it broke, which it has printed. It must not
/// throw.
using RunSeed = std::function<bool(std::uint64_t seed, Tally& sum)>;

/// Runs the seeds, until so many broke. SQLite's file systems and the log are the process' own, so
/// what runs at a time are processes, each of which takes the next seed. One that ends
/// otherwise (a signal, a sanitizer) has broken its seed, for which `ended` is called.
/// Throws std::runtime_error when a process cannot be made.
JobsResult run_jobs(
    const Jobs& jobs, const RunSeed& run, const std::function<void(std::uint64_t seed)>& ended
);

}  // namespace bookstore::test
