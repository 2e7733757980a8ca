#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/times.hpp"
#include "bus/topic.hpp"

namespace bookstore::bus {

/// Moves the rows of every module's outbox, in order, into the topic. One thread steps it.
class Relay {
  public:
    /// Throws storage::Refused when an outbox and the topic do not belong together.
    Relay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock, Pressure& pressure);

    /// Relays what waits, a bounded number of rows of each module; false when nothing did.
    /// A storage error leaves everything where it is, to be tried again after a pause.
    bool step();
    /// When step() has something to do again though nobody rings, on Clock::steady_ms.
    std::optional<std::int64_t> next_due_ms() const;
    /// When what was relayed lately came into the log. Any thread.
    const BatchTimes& times() const { return times_; }
    bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

  private:
    bool gives_way();
    struct Source {
        Outbox* outbox;
        std::int64_t relayed;
    };

    Topic& topic_;
    std::vector<Source> sources_;
    const Clock& clock_;
    Pressure& pressure_;
    /// Since when rows wait (wall clock, about); nothing when none do.
    std::optional<std::int64_t> waiting_since_ms_;
    bool gave_way_ = false;
    std::optional<std::int64_t> retry_at_ms_;
    std::atomic<bool> healthy_{true};
    BatchTimes times_;
};

}  // namespace bookstore::bus
