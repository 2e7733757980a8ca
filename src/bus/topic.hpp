#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bus/event.hpp"
#include "bus/log_index.hpp"
#include "bus/stats.hpp"
#include "storage/database.hpp"
#include "storage/free_pages.hpp"

namespace bookstore::bus {

/// The append-only log `cnabookstore`: one total order over the events of every module, in a file
/// of its own; the log itself, or this process's mirror of a partition. append(), work(), idle()
/// and flush() are the relay's, one thread; everything else is for any thread.
class Topic {
  public:
    static constexpr std::string_view name = "cnabookstore";

    explicit Topic(storage::Database::Options options);

    /// Keeps that index from now on: it must have been kept since the log's first event, and
    /// outlives the topic's last append(). Before the first append().
    void keep(LogIndex& index) { indexes_.push_back(&index); }

    /// Appends in order, durably, in one transaction that also notes how far each source was
    /// relayed; rows that were relayed before are passed over. Sets the positions, and keeps the
    /// texts for itself. Throws storage::Error, and nothing was appended then as far as is known.
    void append(std::span<Envelope> events) { append(events, {}); }
    struct Append {
        bool durable = true;
        /// Run in the same transaction, behind the events, whose positions are known.
        std::function<void(storage::Connection& db)> also{};
    };
    void append(std::span<Envelope> events, const Append& how);
    /// How far that source was relayed.
    std::int64_t relayed(std::string_view source);

    // ---- where it is a mirror

    /// The running hash of a mirror up to a position; nothing when it does not reach that far.
    using HashAt = std::function<std::optional<std::string>(std::int64_t position)>;
    /// It is one from now on. Before anybody reads it.
    void become_mirror(HashAt hash_at) { hash_at_ = std::move(hash_at); }
    /// The writer's hook of that name (storage/writer.hpp).
    void after_reopening(std::function<void()> hook) {
        database_.writer().after_reopening(std::move(hook));
    }
    /// Its end is the file's, which may have more than was appended here: everyone is told.
    /// Relay's thread. Throws storage::Error.
    void refresh();
    bool is_mirror() const { return hash_at_ != nullptr; }
    /// Nothing where it is no mirror. Throws storage::Error.
    std::optional<std::string> hash_at(std::int64_t position) const {
        return is_mirror() ? hash_at_(position) : std::nullopt;
    }

    /// Position of the last event; 0 when there is none.
    std::int64_t end() const { return end_.load(std::memory_order_acquire); }
    /// Position of the first event that is still there; 1 when none was removed yet.
    std::int64_t first() const { return first_.load(std::memory_order_acquire); }

    using Events = std::vector<std::shared_ptr<const Envelope>>;
    struct Batch {
        Events events;
        std::int64_t scanned = 0;  ///< everything up to here was looked at
    };
    /// Events after `position`, of these types alone (empty: of all), at most `limit`, looking at
    /// a bounded number of rows.
    Batch read(std::int64_t position, const Types& types, std::size_t limit);
    /// The event at that position; nothing when there is none.
    std::optional<Envelope> at(std::int64_t position);
    /// When the first event after `position` was published; nothing when there is none.
    std::optional<std::int64_t> time_of_next_after(std::int64_t position);

    /// Told (on the relay's thread) after each append: the position of the last event among
    /// `types`.
    using Listener = std::function<void(std::int64_t position)>;
    /// Stays until the handle goes; after that it is not called any more. The handle must not go
    /// inside the listener, nor outlive the topic.
    std::shared_ptr<void> listen(Types types, Listener listener);

    /// How many events of each type were appended since the process began.
    EventCounts appended();

    // ---- retention. Relay's thread. They throw storage::Error.

    /// Removes at most `limit` events from the log's beginning, none behind `position`, and never
    /// the last one. How many those were. What was to be read of them is read no more: who is
    /// behind first() has to be told so.
    std::int64_t cut(std::int64_t position, std::size_t limit);
    /// Gives free pages of the file back, at most so many; false when there are no more.
    bool give_back(int pages);
    /// What the file has in use. Any thread.
    storage::FileSpace space();

    // ---- its file

    /// For who reads the file as such: an index its own tables, a backup a copy.
    storage::Reader reader() { return database_.read(); }
    const storage::WriterStats& writer_stats() { return database_.writer().stats(); }
    /// A transaction between two appends, on the relay's thread at its next work().
    void submit(storage::Job job) { database_.writer().submit(std::move(job)); }
    /// A transaction now. Relay's thread. Throws what it ended with.
    void commit_now(storage::Job job) { database_.writer().commit_now(std::move(job)); }
    /// Runs what was submitted; false when there was nothing. Relay's thread.
    bool work() { return database_.writer().step(); }
    /// Nothing was appended for a while: moves the WAL and frees memory. Relay's thread.
    void idle();
    /// Everything is in the file itself, synced: before the process ends. Relay's thread. Throws
    /// storage::Error.
    void flush() { database_.writer().flush(); }

  private:
    struct Entry {
        Types types;
        Listener listener;
    };
    /// The newest events, as they are in the log: who keeps up reads them here. Guarded by its
    /// mutex.
    struct Tail {
        std::mutex mutex;
        std::deque<std::shared_ptr<const Envelope>> events;  ///< without a gap, to the log's end
    };
    void remember(std::span<Envelope> events);
    void forget_tail();
    bool read_tail(std::int64_t position, const Types& types, std::size_t limit, Batch& batch);
    std::int64_t stored_first();
    std::int64_t stored_end();
    void append_all(storage::Connection& db, std::span<Envelope> events);
    void append_run(storage::Connection& db, std::span<Envelope> run);
    /// What an append brought of a type.
    struct Brought {
        std::int64_t last = 0;  ///< position
        std::uint64_t count = 0;
    };
    using Newest = std::map<std::string, Brought, std::less<>>;
    void tell(const Newest& appended, bool everyone);

    storage::Database database_;
    std::atomic<std::int64_t> first_{1};
    std::atomic<std::int64_t> end_{0};
    Tail tail_;
    std::vector<LogIndex*> indexes_;
    HashAt hash_at_;  ///< null: no mirror
    std::mutex mutex_;
    std::list<Entry> listeners_;  ///< guarded by mutex_
    EventCounts appended_;        ///< guarded by mutex_
};

}  // namespace bookstore::bus
