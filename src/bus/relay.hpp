#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bus/backlog.hpp"
#include "bus/times.hpp"

namespace bookstore::bus {

/// Moves the rows of every module's outbox, in order, into the topic. One thread steps it.
class Relay {
  public:
    Relay() = default;
    virtual ~Relay() = default;
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// Relays what waits, a bounded number of rows of each module; false when nothing did.
    /// A storage error leaves everything where it is, to be tried again after a pause.
    virtual bool step() = 0;
    /// In how many ms step() has something to do again though nobody rings; nothing when nothing is
    /// due.
    virtual std::optional<std::int64_t> due_in_ms() const = 0;
    /// When what was relayed lately came into the log. Any thread.
    virtual const BatchTimes& times() const = 0;
    /// The topic took what the last step() had for it. Any thread.
    virtual bool healthy() const = 0;
    /// Why it is not healthy; empty when it is. Any thread.
    virtual std::string fault() const = 0;
    /// The rows of that module's outbox were read, and taken by the topic, when that was last
    /// tried. Any thread.
    virtual bool healthy(std::string_view source) const = 0;
    /// Since when the oldest row waits for its turn, about (wall clock); nothing when none does.
    /// Any thread.
    virtual std::optional<std::int64_t> waiting_since_ms() const = 0;
    /// Of that module's outbox. Any thread. Throws storage::Error.
    virtual BacklogState backlog_state(std::string_view source) const = 0;
};

}  // namespace bookstore::bus
