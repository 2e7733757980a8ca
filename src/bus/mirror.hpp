#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "bus/mirror_table.hpp"
#include "bus/pipe.hpp"
#include "bus/times.hpp"
#include "bus/topic.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

/// What a mirror read, by what became of it. Any thread.
struct MirrorStats {
    Counter read;
    Counter accepted;
    Counter doubled;  ///< it was there already
    Counter early;    ///< its source's row before it has not come yet
    Counter forked;   ///< it does not follow its source's row before it
    Counter foreign;  ///< it is nobody's of ours
    Counter audits;   ///< the last record was asked for again
};

/// Reads a partition into the topic, so that all who read the same partition have the same events
/// at the same positions, whatever comes out of it: of each source it takes the row that follows
/// the one before, and drops all else (which was there already, or will come again).
///
/// What it took must go on to stand there: the last record is asked for at the start, whenever the
/// broker or the connection failed, and now and then. And whoever sent a record must have seen the
/// same log. Where that is not so, it refuses, for good: only an operator can know what is right.
///
/// Relay's thread, unless said otherwise.
class Mirror {
  public:
    struct Options {
        std::string topic;                     ///< the partition's name at the broker
        std::int64_t audit_every_ms = 30'000;  ///< 0: not now and then
        /// So long it may end before the last record: a new leader does not show, at first, all
        /// that was shown by the one before, though it has it.
        std::int64_t short_for_ms = 60'000;
    };
    /// The log is a mirror from now on. Throws storage::Refused when it is none of that partition,
    /// nor empty, and storage::Error.
    Mirror(Topic& topic, Pipe& pipe, const Clock& clock, Options options);

    /// Called with each record that will be taken, before it is.
    void on_accepting(std::function<void(const Record&)> told) { accepting_ = std::move(told); }

    /// Takes what has come, a bounded number of records; false when nothing had.
    bool step();
    std::optional<std::int64_t> due_in_ms() const;
    /// Reads on from the last record, which must stand there still; at_end() is false until the
    /// end is told again.
    void audit();
    /// All of it is synced now, if it is not yet. Throws storage::Error.
    void sync();

    const View& view() const { return view_; }
    /// The running hash up to that position; nothing beyond the end. Any thread.
    std::optional<std::string> hash_at(std::int64_t position);
    Mark mark(std::string_view source) const;
    /// Up to where that source's rows are in the synced mirror.
    std::int64_t synced(std::string_view source) const;
    /// See MirrorTable::ids_from().
    std::vector<Mark> ids_from(std::string_view source, std::int64_t first);
    bool is_synced() const { return synced_marks_ == marks_; }

    /// It has been at the partition's end since the process began. Any thread.
    bool ready() const { return ready_.load(std::memory_order_acquire); }
    /// It was there since the last audit.
    bool at_end() const { return at_end_; }
    /// Which two things contradict each other, and what to do; empty: none. Any thread.
    std::string refusal() const;
    bool refuses() const { return refused_.load(std::memory_order_acquire); }
    /// What topic.db was handed was written. Any thread.
    bool healthy() const { return trouble_.healthy(); }

    const std::string& topic_name() const { return options_.topic; }
    const MirrorStats& stats() const { return stats_; }
    const BatchTimes& times() const { return times_; }

  private:
    /// What one transaction takes.
    struct Batch {
        std::vector<Envelope> events{};
        std::vector<MirrorTable::Row> rows{};
        std::map<std::string, Mark, std::less<>> marks{};  ///< those that it moves
        ReadTo read_to;
        std::string hash;
        bool moved = false;  ///< the offset, at least
    };

    void read_again(std::string_view why);
    void take_all(Batch& batch, const std::vector<PipeEvent>& events);
    bool take(const PipeEvent& event, Batch& batch);
    bool take(const Arrived& arrived, Batch& batch);
    bool take(const End& end, Batch& batch);
    bool ends_short(std::int64_t offset);
    bool take(const Doubt& doubt, Batch& batch);
    bool take(const OutOfRange& gone, Batch& batch);
    bool take(const Unfit& unfit, Batch& batch);
    bool passes_audit(const Arrived& arrived);
    void accept(const Record& record, Batch& batch);
    bool fits(const View& seen, const Batch& batch);
    Mark mark_in(const Batch& batch, std::string_view source) const;
    std::int64_t length_of(const Batch& batch) const;
    void commit(Batch& batch);
    void write(storage::Connection& db, const Batch& batch) const;
    void reload();
    void remember(const Batch& batch);
    bool refuse(std::string why);

    Topic& topic_;
    Pipe& pipe_;
    const Clock& clock_;
    const Options options_;
    std::function<void(const Record&)> accepting_;
    ReadTo read_to_;
    std::map<std::string, Mark, std::less<>> marks_;
    std::map<std::string, Mark, std::less<>> synced_marks_;  ///< by this process
    View view_;              ///< length and hash of one moment, whatever fails in between
    bool auditing_ = false;  ///< the next that comes must be the last record
    bool at_end_ = false;
    bool rereads_ = true;               ///< the file may have more, or less, than is known here
    std::int64_t gap_at_ = -1;          ///< offset at which no record came, when last read
    std::int64_t next_audit_ms_ = 0;    ///< steady
    std::int64_t short_since_ms_ = -1;  ///< steady: it ended before the last record; -1: it did not
    std::atomic<bool> ready_{false};
    std::atomic<bool> refused_{false};
    mutable std::mutex mutex_;
    std::string refusal_;             ///< guarded by mutex_
    std::deque<std::string> hashes_;  ///< guarded by mutex_: the newest, to the end
    std::int64_t hashes_end_ = 0;     ///< guarded by mutex_: position of the last of them
    storage::StorageTrouble trouble_{"the mirror of the topic"};
    MirrorStats stats_;
    BatchTimes times_;
};

}  // namespace bookstore::bus
