#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.hpp"

namespace bookstore::bus {

/// Clients who write go before relay and subscriptions, as long as no event waits too long: under a
/// burst the cores answer requests, and the events are handled a little later in larger batches.
/// Any thread.
class Pressure {
  public:
    // Then they share the cores; together, an event is about a second late at most.
    static constexpr std::int64_t relay_waits_ms = 300;
    static constexpr std::int64_t subscription_waits_ms = 700;
    static constexpr std::int64_t look_again_ms = 5;  ///< for whoever gave way

    explicit Pressure(const Clock& clock) : clock_(clock) {}

    void command_began() {
        if (in_flight_.fetch_add(1, std::memory_order_relaxed) + 1 >= busy_commands) {
            busy_at_ms_.store(clock_.steady_ms(), std::memory_order_relaxed);
        }
    }
    void command_ended() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

    /// Should what has waited for `waited_ms`, of at most `limit_ms`, wait a little longer?
    bool gives_way(std::int64_t waited_ms, std::int64_t limit_ms) const {
        if (waited_ms < 0 || waited_ms >= limit_ms) {
            return false;  // below 0: the wall clock was set back
        }
        return in_flight_.load(std::memory_order_relaxed) >= busy_commands ||
               clock_.steady_ms() < busy_at_ms_.load(std::memory_order_relaxed) + busy_ms;
    }

  private:
    // One client, or a few, never wait for anything but their own commits.
    static constexpr std::int64_t busy_commands = 16;
    static constexpr std::int64_t busy_ms = 20;  ///< until clients have sent their next ones

    const Clock& clock_;
    std::atomic<std::int64_t> in_flight_{0};
    std::atomic<std::int64_t> busy_at_ms_{-busy_ms};
};

}  // namespace bookstore::bus
