#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/times.hpp"
#include "bus/topic.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

/// Moves the rows of every module's outbox, in order, into the topic. One thread steps it.
class Relay {
  public:
    /// Throws storage::Refused when an outbox and the topic do not belong together.
    Relay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock, Pressure& pressure);

    /// Relays what waits, a bounded number of rows of each module; false when nothing did.
    /// A storage error leaves everything where it is, to be tried again after a pause.
    bool step();
    /// In how many ms step() has something to do again though nobody rings; nothing when nothing is
    /// due.
    std::optional<std::int64_t> due_in_ms() const;
    /// When what was relayed lately came into the log. Any thread.
    const BatchTimes& times() const { return times_; }
    /// The last step() met no error. Any thread.
    bool healthy() const { return trouble_.healthy(); }

  private:
    struct Source {
        Outbox* outbox;
        std::int64_t relayed;
    };
    /// What one step moves.
    struct Batch {
        std::vector<Envelope> rows;
        std::vector<Outbox*> signalled;  ///< whose signal was taken
        /// How far each outbox will have been relayed.
        std::vector<std::pair<Source*, std::int64_t>> moved;
        /// About when the oldest row that stays was written.
        std::optional<std::int64_t> left_since_ms;
    };

    bool gives_way();
    void read(Batch& batch);
    void append(std::vector<Envelope>& rows);

    Topic& topic_;
    std::vector<Source> sources_;
    const Clock& clock_;
    Pressure& pressure_;
    /// Since when rows wait (wall clock, about); nothing when none do.
    std::optional<std::int64_t> waiting_since_ms_;
    bool gave_way_ = false;
    storage::StorageTrouble trouble_{"relay"};
    BatchTimes times_;
};

}  // namespace bookstore::bus
