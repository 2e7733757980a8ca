#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/key.hpp"

// When things were done, for the timeline of one key: in memory alone, and bounded. A batch is
// one entry however many events it has, so that a busy process pays next to nothing for them.

namespace bookstore::bus {

/// The last so many of something, in order. add() of one thread, the rest from any.
template <class Entry, std::size_t Most>
class Recent {
  public:
    void add(const Entry& entry) {
        const std::scoped_lock lock(mutex_);
        if (entries_.size() == Most) {
            entries_.pop_front();
        }
        entries_.push_back(entry);
    }
    /// Those for which `wanted` is true, oldest first.
    template <class F>
    std::vector<Entry> select(F wanted) const {
        const std::scoped_lock lock(mutex_);
        std::vector<Entry> found;
        for (const Entry& entry : entries_) {
            if (wanted(entry)) {
                found.push_back(entry);
            }
        }
        return found;
    }

  private:
    mutable std::mutex mutex_;
    std::deque<Entry> entries_;  ///< guarded by mutex_
};

/// The events after `from` and up to `to`, done within one transaction.
struct BatchTime {
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::int64_t began_ms = 0;
    std::int64_t committed_ms = 0;
    bool held_some = false;  ///< so of one event it is not known whether it was handled then

    bool has(std::int64_t position) const { return from < position && position <= to; }
};

/// One attempt of a held event.
struct RetryTime {
    std::int64_t position = 0;
    std::int64_t attempt = 0;
    std::int64_t began_ms = 0;
    std::int64_t committed_ms = 0;
    bool handled = false;  ///< else it failed again
};

/// One attempt of a task.
struct TaskTime {
    std::int64_t intent = 0;
    Key subject;  ///< what the intent is about
    std::int64_t started_ms = 0;
    std::int64_t ended_ms = 0;
    std::string_view outcome;  ///< a constant
};

using BatchTimes = Recent<BatchTime, 32'768>;
using RetryTimes = Recent<RetryTime, 4'096>;
using TaskTimes = Recent<TaskTime, 32'768>;

}  // namespace bookstore::bus
