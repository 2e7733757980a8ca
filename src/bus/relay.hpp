#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/backlog.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/times.hpp"
#include "bus/topic.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

/// Moves the rows of every module's outbox, in order, into the topic. One thread steps it.
///
/// Each outbox is a source that fails alone: one that cannot be read, or whose rows the topic
/// refuses, is tried again after a pause, while those of the others are relayed.
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
    /// The topic took what the last step() had for it. Any thread.
    bool healthy() const { return trouble_.healthy(); }
    /// The rows of that module's outbox were read, and taken by the topic, when that was last
    /// tried. Any thread.
    bool healthy(std::string_view source) const;
    /// Since when the oldest row waits for its turn, about (wall clock); nothing when none does.
    /// Any thread.
    std::optional<std::int64_t> waiting_since_ms() const;
    /// Of that module's outbox. Any thread. Throws storage::Error.
    BacklogState backlog_state(std::string_view source) const;

  private:
    struct Source {
        Source(Outbox& its_outbox, std::int64_t relayed_to);

        Outbox& outbox;
        std::int64_t relayed;
        storage::StorageTrouble trouble;
    };
    /// What one step moves of a source: its rows among the batch's.
    struct Part {
        Source* source;
        std::size_t begin;
        std::size_t count;
        std::int64_t to;  ///< how far the source will have been relayed
    };
    /// What one step moves.
    struct Batch {
        std::vector<Envelope> rows;
        std::vector<Part> parts;
        /// About when the oldest row that stays was written.
        std::optional<std::int64_t> left_since_ms;
    };

    /// Null: this process does not host that module.
    const Source* find(std::string_view source) const;
    bool gives_way();
    bool relay(Batch& batch);
    void read(Batch& batch);
    void read(Source& source, Batch& batch);
    void append_together(Batch& batch);
    void append_each(Batch& batch);
    void append(std::span<Envelope> rows);
    static void moved(const Part& part);
    void failed(Source& source, std::string_view why);

    Topic& topic_;
    std::deque<Source> sources_;
    const Clock& clock_;
    Pressure& pressure_;
    /// Since when rows wait (wall clock, about); 0 when none do.
    std::atomic<std::int64_t> waiting_since_ms_{0};
    bool gave_way_ = false;
    storage::StorageTrouble trouble_{"relay"};
    BatchTimes times_;
};

}  // namespace bookstore::bus
