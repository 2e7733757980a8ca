#pragma once

#include <cstdint>
#include <string>

namespace bookstore::test {

/// What runs met, so that a reader can see that they were not idle.
struct Tally {
    std::int64_t steps = 0;
    std::int64_t crashes = 0;
    std::int64_t faults = 0;         ///< of the disk: writes and syncs that were to fail
    std::int64_t read_faults = 0;    ///< the same of reads
    std::int64_t damages = 0;        ///< a page that could not be read for a while
    std::int64_t damaged_reads = 0;  ///< that came upon such a page
    std::int64_t outages = 0;        ///< during which the other contexts had to go on
    std::int64_t mixed = 0;          ///< starts with one file of an earlier moment
    std::int64_t refused = 0;        ///< starts that were refused, for damage or such a file
    std::int64_t orders = 0;         ///< acknowledged
    std::int64_t cancels = 0;        ///< acknowledged
    std::int64_t held = 0;           ///< handlers that were made to fail
    std::int64_t parked = 0;         ///< events that an operator had to retry
    std::int64_t skipped = 0;        ///< events that an operator gave up
    std::int64_t clock_steps = 0;    ///< of the wall clock, either way
    std::int64_t stops = 0;          ///< of a context, by an operator
    std::int64_t rebuilds = 0;       ///< asked for
    std::int64_t events = 0;         ///< in the topic at the end

    Tally& operator+=(const Tally& other);
    /// "1200 steps, 3 crashes, ..."
    std::string text() const;
};

}  // namespace bookstore::test
