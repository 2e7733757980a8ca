#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/event.hpp"
#include "storage/database.hpp"

namespace bookstore::bus {

/// The outbox of one module: events are written into it in the transaction that changes the
/// module's state, and by nobody else. Made on, and append() called on, the writer's thread.
class Outbox {
  public:
    /// Hooks into the database's writer. `ring` wakes the relay after a commit that left rows here.
    Outbox(std::string source, storage::Database& database, std::function<void()> ring);

    void append(
        storage::Connection& db,
        std::string_view key,
        std::string_view type,
        std::int64_t time_ms,
        std::string_view trace,
        std::string_view payload
    );

    const std::string& source() const { return source_; }
    storage::Database& database() { return database_; }

    /// Relay's side, any thread: rows may have come since the last call.
    bool take_signal() { return signal_.exchange(false, std::memory_order_acq_rel); }
    bool signalled() const { return signal_.load(std::memory_order_acquire); }
    /// Look again later, although nobody rings.
    void signal() { signal_.store(true, std::memory_order_release); }
    /// Rows behind `position`, in order, at most `limit`.
    std::vector<Envelope> read(std::int64_t position, std::size_t limit);
    /// Rows up to `position` are in the topic, synced: they may go.
    void relayed(std::int64_t position) { relayed_.store(position, std::memory_order_release); }
    /// Rows not yet relayed.
    std::int64_t depth();
    /// When the oldest row that is not relayed was written; nothing when there is none.
    std::optional<std::int64_t> waiting_since_ms();
    /// The highest position that was ever given out here.
    std::int64_t newest();

  private:
    std::string source_;
    storage::Database& database_;
    std::function<void()> ring_;
    bool appended_ = false;      ///< writer's thread
    std::int64_t removed_ = 0;   ///< writer's thread
    std::int64_t removing_ = 0;  ///< writer's thread
    std::atomic<std::int64_t> relayed_{0};
    std::atomic<bool> signal_{true};
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

    template <Event E>
    void publish(const E& event) {
        const std::int64_t now = now_ms();
        outbox_.append(db_, key_of(event), E::event_type, now, trace_, payload_of(event, now));
    }

    /// The event that is being handled; null outside a policy.
    const Envelope* cause() const { return cause_; }
    void set_cause(const Envelope* cause) {
        cause_ = cause;
        trace_ = cause == nullptr ? std::string_view() : std::string_view(cause->trace);
    }

    /// What a task's attempt came to, in a constant's words: for the log and the timeline.
    std::string_view outcome() const { return outcome_; }
    void set_outcome(std::string_view outcome) { outcome_ = outcome; }

  private:
    storage::Connection& db_;
    Outbox& outbox_;
    const Clock& clock_;
    std::string_view trace_;
    std::string_view outcome_;
    const Envelope* cause_ = nullptr;
};

}  // namespace bookstore::bus
