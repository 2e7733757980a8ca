#pragma once

#include <mutex>

#include "base/clock.hpp"
#include "kafka/pipe.hpp"

namespace bookstore::kafka {

/// What both halves of a pipe add to its Stats. Thread-safe.
class Figures {
  public:
    explicit Figures(const Clock& clock) : clock_(clock) { stats_.since_ms = clock.now_ms(); }

    /// `change` gets the Stats.
    void update(auto change) {
        const std::scoped_lock lock(mutex_);
        change(stats_);
    }
    void connected(bool is) {
        const std::scoped_lock lock(mutex_);
        if (stats_.connected != is) {
            stats_.connected = is;
            stats_.since_ms = clock_.now_ms();
        }
    }
    Stats get() const {
        const std::scoped_lock lock(mutex_);
        return stats_;
    }

  private:
    const Clock& clock_;
    mutable std::mutex mutex_;
    Stats stats_;
};

}  // namespace bookstore::kafka
