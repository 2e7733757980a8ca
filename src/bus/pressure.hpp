#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "bus/throttle.hpp"

namespace bookstore::bus {

/// Who goes first when there is more to do than the cores can. Any thread.
///
/// Clients who write go before relay and subscriptions, as long as no event waits too long: under a
/// burst the cores answer requests, and the events are handled a little later in larger batches.
/// When events wait for longer than that all the same, writes are put off, so that as many are
/// placed as are handled (Throttle).
class Pressure {
  public:
    // Then they share the cores; together, an event is about a second late at most.
    static constexpr std::int64_t relay_waits_ms = 700;
    static constexpr std::int64_t subscription_waits_ms = 300;
    static constexpr std::int64_t ask_again_ms = 5;  ///< for whoever gave way

    explicit Pressure(const Clock& clock) : clock_(clock) {}

    void command_began() {
        if (in_flight_.fetch_add(1, std::memory_order_relaxed) + 1 >= busy_commands) {
            busy_at_ms_.store(clock_.steady_ms(), std::memory_order_relaxed);
        }
    }
    /// Or it waits, for other than its turn on the cores.
    void command_ended() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

    /// Should what has waited for `waited_ms`, of at most `limit_ms`, wait a little longer?
    bool gives_way(std::int64_t waited_ms, std::int64_t limit_ms) {
        if (waited_ms < 0 || waited_ms >= limit_ms) {
            return false;  // below 0: the wall clock was set back
        }
        return in_flight_.load(std::memory_order_relaxed) >= busy_commands ||
               clock_.steady_ms() < busy_at_ms_.load(std::memory_order_relaxed) + busy_ms;
    }

    /// For how many ms the oldest of the events that are worked off waits, for nothing but its
    /// turn. Nothing: none is relayed, so that nobody can say.
    using Lag = std::optional<std::int64_t>;
    /// `measure` is called from any thread. Before the first write.
    void measure_with(std::function<Lag()> measure) { measure_ = std::move(measure); }

    /// A write has come: how long it is put off, in ms; 0 while the events keep up.
    std::int64_t delay_ms() {
        const std::int64_t now = clock_.steady_ms();
        std::int64_t due = measure_at_ms_.load(std::memory_order_relaxed);
        if (measure_ && now >= due && measure_at_ms_.compare_exchange_strong(due, now + fresh_ms)) {
            lag_ms_.store(measure_().value_or(unknown), std::memory_order_relaxed);
        }
        const std::int64_t lag_ms = lag_ms_.load(std::memory_order_relaxed);
        return throttle_.admit(now, lag_ms == unknown ? Lag() : Lag(lag_ms));
    }

  private:
    // One client, or a few, never wait for anything but their own commits.
    static constexpr std::int64_t busy_commands = 16;
    static constexpr std::int64_t busy_ms = 20;   ///< until clients have sent their next ones
    static constexpr std::int64_t fresh_ms = 50;  ///< so long a lag that was measured counts
    static constexpr std::int64_t unknown = -1;

    const Clock& clock_;
    std::atomic<std::int64_t> in_flight_{0};
    std::atomic<std::int64_t> busy_at_ms_{-busy_ms};
    std::function<Lag()> measure_;
    std::atomic<std::int64_t> measure_at_ms_{0};
    std::atomic<std::int64_t> lag_ms_{0};
    Throttle throttle_;
};

}  // namespace bookstore::bus
