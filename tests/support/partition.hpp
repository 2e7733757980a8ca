#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bus/pipe.hpp"

namespace bookstore::test {

/// A partition and its broker in memory, which does what it is told to: what pipes send is under
/// way until the broker takes it, in any order, once, twice or not at all. One thread.
class Partition {
  public:
    explicit Partition(const Clock& clock) : clock_(clock) {}

    /// Of a process; outlived by the partition. `ring`: when there is something to be read.
    std::unique_ptr<bus::Pipe> pipe(std::function<void()> ring = {});

    // ---- what becomes of what was sent

    std::size_t under_way() const { return under_way_.size(); }
    /// The broker takes one of them (0: the oldest); `again`: and once more later.
    void take(std::size_t which = 0, bool again = false);
    void take_all();
    void lose(std::size_t which) {
        under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(which));
    }
    /// What is sent from now on is taken at once.
    void take_at_once() { at_once_ = true; }
    /// Reports to each pipe that something it sent will not arrive.
    void fail_sending();

    // ---- what becomes of the log

    std::size_t size() const { return log_.size(); }
    const bus::Arrived& at(std::size_t offset) const { return log_[offset]; }
    /// A record that somebody wrote into it.
    void add(std::optional<bus::Record> record);
    /// An offset at which no record stands: the mark of somebody's transaction.
    void add_mark();
    /// The broker has its first records alone.
    void keep(std::size_t records);
    /// A new leader: so many of the newest records are not shown until show(), though it has them.
    void hide(std::size_t newest);
    void show();
    bool hides() const { return shown_.has_value(); }
    /// The broker has nothing of before that offset.
    void forget_before(std::int64_t offset) { begin_ = offset; }
    /// It is made anew, as long, with other records, or the same at another time.
    void make_anew(bool same_records);

    /// As long as it is away, nothing is read or taken; when it comes back each pipe is in doubt.
    void away(bool is_away);
    bool is_away() const { return is_away_; }
    /// How far a pipe said that it had read.
    std::int64_t noted() const { return noted_; }

  private:
    class End;
    void append(std::optional<bus::Record> record);
    bool is_mark(std::int64_t offset) const;
    void ring();

    const Clock& clock_;
    std::vector<bus::Arrived> log_;
    std::vector<std::int64_t> marks_;
    std::vector<bus::Record> under_way_;
    std::vector<End*> ends_;
    std::int64_t begin_ = 0;
    std::int64_t noted_ = 0;
    std::optional<std::int64_t> shown_{};  ///< up to there; nothing: all
    bool is_away_ = false;
    bool at_once_ = false;
};

}  // namespace bookstore::test
