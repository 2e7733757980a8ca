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

    /// The types that its module declared to publish. Before the first append().
    void may_publish(std::vector<std::string> types) { declared_ = std::move(types); }
    /// Throws std::logic_error, a programmer's mistake, when the type was not declared.
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
    /// Rows are to be read again later, although nobody rings.
    void signal() { signal_.store(true, std::memory_order_release); }
    /// Rows after `position`, in order, at most `limit`.
    std::vector<Envelope> read(std::int64_t position, std::size_t limit);
    /// Rows up to `position` are in the topic, synced: they may go.
    void relayed(std::int64_t position) {
        arrived(position);
        may_remove(position);
    }
    /// The two parts of it: they need not be relayed again, and they may go.
    void arrived(std::int64_t position) { relayed_.store(position, std::memory_order_release); }
    std::int64_t arrived() const { return relayed_.load(std::memory_order_acquire); }
    void may_remove(std::int64_t position) {
        removable_.store(position, std::memory_order_release);
    }
    /// Rows not yet relayed.
    std::int64_t depth();
    /// When the oldest row that is not relayed was written; nothing when there is none.
    std::optional<std::int64_t> waiting_since_ms();
    /// The highest position that was ever given out here.
    std::int64_t newest();
    /// Inside a transaction: its rows are these, behind that position, and no others. For a file
    /// that is adopted; no relay runs.
    static void replace(
        storage::Connection& db, std::int64_t position, const std::vector<Envelope>& rows
    );

  private:
    std::string source_;
    storage::Database& database_;
    std::function<void()> ring_;
    std::vector<std::string> declared_;
    bool appended_ = false;      ///< writer's thread
    std::int64_t removed_ = 0;   ///< writer's thread
    std::int64_t removing_ = 0;  ///< writer's thread
    std::atomic<std::int64_t> relayed_{0};
    std::atomic<std::int64_t> removable_{0};
    std::atomic<bool> signal_{true};
};

}  // namespace bookstore::bus
