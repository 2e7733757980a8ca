#pragma once

#include <cstdint>
#include <string>

namespace bookstore::bench {

struct SettleOptions {
    std::string url;
    std::string data_dir;        ///< of the server
    std::int64_t orders = 1000;  ///< 0: none are placed, those that were are waited for
    std::size_t connections = 64;
    std::int64_t customer = 1;
    std::int64_t book = 1;
    bool waits = true;  ///< false: it ends with the last answer
};

/// Places orders and waits until each is settled: shipped, paid, and in both read models.
/// Figures: orders, placed_per_s, lag_events (when the last one was answered), drain_s,
/// settled_per_s.
void settle(const SettleOptions& options);

struct WatchOptions {
    std::string data_dir;
    double seconds = 60;
    std::int64_t every_ms = 250;
};

/// Looks on while somebody else places orders. Figures: placed_per_s, settled_per_s (both from the
/// tenth second on, or the half of a shorter time: at first nothing is settled yet), lag_max_s (of
/// an event), unsettled_max_s (the age of the oldest order that is not settled: all hops together,
/// to within a look), lag_end_events; curves over the seconds: lag_s, placed, settled (each a
/// second).
void watch(const WatchOptions& options);

}  // namespace bookstore::bench
