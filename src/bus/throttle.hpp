#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

namespace bookstore::bus {

/// Spreads writes over time once events wait for too long, at a rate that it finds by watching how
/// long they wait: as many are placed as are handled, without stops and bursts in turn.
///
/// Time is handed in (ms on Clock::steady_ms). Thread-safe.
class Throttle {
  public:
    static constexpr std::int64_t most_lag_ms = 1'200;  ///< above it, it begins to limit
    static constexpr std::int64_t most_delay_ms = 500;

    /// A write has come, while the events that wait have waited for `lag_ms`: for how many ms it is
    /// put off. Nothing: nobody can say, and no more are let through than were before.
    std::int64_t admit(std::int64_t now_ms, std::optional<std::int64_t> lag_ms);

  private:
    void measure(std::int64_t now_ms, std::optional<std::int64_t> lag_ms);
    void keep();
    void limit(std::int64_t lag_ms, double passed_s);

    std::mutex mutex_;
    std::int64_t measured_at_ms_ = 0;
    std::int64_t placed_ = 0;        ///< since then
    double placed_per_s_ = 0;        ///< in about the last second
    std::optional<double> base_;     ///< writes a second that seem to be handled; nothing: no limit
    double rate_ = 0;                ///< what is let through, if there is a limit
    double next_at_ms_ = 0;          ///< when the next write may begin
    std::int64_t needed_at_ms_ = 0;  ///< when a limit was last needed
};

}  // namespace bookstore::bus
