#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "bus/outbox.hpp"
#include "bus/topic.hpp"

namespace bookstore::bus {

/// Moves the rows of every module's outbox, in order, into the topic. One thread steps it.
class Relay {
  public:
    /// Throws storage::Refused when an outbox and the topic do not belong together.
    Relay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock);

    /// Relays what waits, a bounded number of rows of each module; false when nothing did.
    /// A storage error leaves everything where it is, to be tried again after a pause.
    bool step();
    /// When a failed step may be tried again, on Clock::steady_ms.
    std::optional<std::int64_t> next_due_ms() const { return retry_at_ms_; }
    bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

  private:
    struct Source {
        Outbox* outbox;
        std::int64_t relayed;
    };

    Topic& topic_;
    std::vector<Source> sources_;
    const Clock& clock_;
    std::optional<std::int64_t> retry_at_ms_;
    std::atomic<bool> healthy_{true};
};

}  // namespace bookstore::bus
