#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "bus/event.hpp"
#include "bus/outbox.hpp"
#include "storage/connection.hpp"

namespace bookstore::bus {

/// What handling an event leaves behind.
enum class Effect {
    /// Rows of this file alone: after a power loss they are made again from the cursor in the same
    /// file, so their commit is not synced. Its handler must not publish, and is refused if it
    /// does.
    replayable,
    /// Events or intents, which others act on: the commit is synced.
    durable,
};

/// One transaction of a module, as its handlers see it: its database, its outbox, the time.
/// What is published here is relayed if, and only if, the transaction commits.
class UnitOfWork {
  public:
    UnitOfWork(storage::Connection& db, Outbox& outbox, const Clock& clock, std::string_view trace)
        : db_(db), outbox_(outbox), clock_(clock), trace_(trace) {}

    storage::Connection& db() { return db_; }
    storage::Statement prepare(const storage::Sql& sql) { return db_.prepare(sql); }
    std::int64_t now_ms() const { return clock_.now_ms(); }
    std::string_view trace() const { return trace_; }

    /// Throws std::logic_error, a programmer's mistake, when its module did not declare to publish
    /// such events, or while an event is handled whose handler was declared Effect::replayable: its
    /// commit is not synced, so that the outbox could fall behind the topic after a power loss.
    template <Event E>
    void publish(const E& event) {
        const std::int64_t now = now_ms();
        publish(text_of(event.key()), E::event_type, now, payload_of(event, now));
    }

    /// The event that is being handled; null outside a policy.
    const Envelope* cause() const { return cause_; }
    void begin_handling(const Envelope& cause, Effect effect);
    void end_handling();

    /// What a task's attempt came to, in a constant's words: for the log and the timeline.
    std::string_view outcome() const { return outcome_; }
    void set_outcome(std::string_view outcome) { outcome_ = outcome; }

  private:
    void publish(
        std::string_view key, std::string_view type, std::int64_t time_ms, std::string_view payload
    );

    storage::Connection& db_;
    Outbox& outbox_;
    const Clock& clock_;
    std::string_view trace_;
    std::string_view outcome_;
    const Envelope* cause_ = nullptr;
    Effect effect_ = Effect::durable;  ///< of handling `cause_`
};

}  // namespace bookstore::bus
