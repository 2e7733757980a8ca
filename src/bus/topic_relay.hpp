#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/backlog.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/relay.hpp"
#include "bus/times.hpp"
#include "bus/topic.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

/// The relay of a process that hosts all contexts: its topic is the log itself.
///
/// Each outbox is a source that fails alone: one that cannot be read, or whose rows the topic
/// refuses, is tried again after a pause, while those of the others are relayed.
class TopicRelay final : public Relay {
  public:
    /// Throws storage::Refused when an outbox and the topic do not belong together.
    TopicRelay(Topic& topic, std::vector<Outbox*> outboxes, const Clock& clock, Pressure& pressure);

    bool step() override;
    std::optional<std::int64_t> due_in_ms() const override;
    const BatchTimes& times() const override { return times_; }
    bool healthy() const override { return trouble_.healthy(); }
    std::string fault() const override {
        return healthy() ? "" : "the relay cannot write the topic (topic.db)";
    }
    bool healthy(std::string_view source) const override;
    std::optional<std::int64_t> waiting_since_ms() const override;
    BacklogState backlog_state(std::string_view source) const override;

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
