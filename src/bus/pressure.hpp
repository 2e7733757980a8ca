#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

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
        take_note(waited_ms);
        if (waited_ms < 0 || waited_ms >= limit_ms) {
            return false;  // below 0: the wall clock was set back
        }
        return in_flight_.load(std::memory_order_relaxed) >= busy_commands ||
               clock_.steady_ms() < busy_at_ms_.load(std::memory_order_relaxed) + busy_ms;
    }

    /// A write has come: how long it is put off, in ms; 0 while the events keep up.
    std::int64_t delay_ms() {
        const std::int64_t now = clock_.steady_ms();
        const bool fresh = now <= noted_at_ms_.load(std::memory_order_relaxed) + noted_for_ms;
        return throttle_.admit(now, fresh ? lag_ms_.load(std::memory_order_relaxed) : 0);
    }

  private:
    // One client, or a few, never wait for anything but their own commits.
    static constexpr std::int64_t busy_commands = 16;
    static constexpr std::int64_t busy_ms = 20;  ///< until clients have sent their next ones
    /// What waits for longer waits for something else than its turn: its context was stopped, its
    /// disk is full, it reads the log from the begin.
    static constexpr std::int64_t most_lag_ms = 5000;
    static constexpr std::int64_t noted_for_ms = 200;

    /// The greatest of about the last tenth of a second counts.
    void take_note(std::int64_t waited_ms) {
        if (waited_ms > most_lag_ms) {
            return;
        }
        const std::int64_t now = clock_.steady_ms();
        if (waited_ms >= lag_ms_.load(std::memory_order_relaxed) ||
            now > noted_at_ms_.load(std::memory_order_relaxed) + noted_for_ms / 2) {
            lag_ms_.store(waited_ms, std::memory_order_relaxed);
            noted_at_ms_.store(now, std::memory_order_relaxed);
        }
    }

    const Clock& clock_;
    std::atomic<std::int64_t> in_flight_{0};
    std::atomic<std::int64_t> busy_at_ms_{-busy_ms};
    std::atomic<std::int64_t> lag_ms_{0};
    std::atomic<std::int64_t> noted_at_ms_{0};
    Throttle throttle_;
};

}  // namespace bookstore::bus
