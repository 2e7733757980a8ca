#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace bookstore::bus {

/// Whether a context may write: where its log is a mirror, not before that was compared with its
/// file, and never while the two contradict each other. Open from the beginning, unless somebody
/// closes it. Any thread.
class Gate {
  public:
    enum class State {
        open,
        waiting,  ///< for the mirror to have come far enough
        refused,  ///< file and log contradict each other
    };

    State state() const { return state_.load(std::memory_order_acquire); }
    bool is_open() const { return state() == State::open; }
    bool refuses() const { return state() == State::refused; }
    /// Why it is not open; empty when it is.
    std::string reason() const {
        const std::scoped_lock lock(mutex_);
        return reason_;
    }

    void open() { become(State::open, {}); }
    void wait(std::string reason) { become(State::waiting, std::move(reason)); }
    void refuse(std::string reason) { become(State::refused, std::move(reason)); }
    /// Called after each change of the state. Before the first.
    void when_changed(std::function<void()> told) { told_ = std::move(told); }

  private:
    void become(State state, std::string reason) {
        {
            const std::scoped_lock lock(mutex_);
            reason_ = std::move(reason);
        }
        if (state_.exchange(state, std::memory_order_acq_rel) != state && told_) {
            told_();
        }
    }

    mutable std::mutex mutex_;
    std::string reason_;  ///< guarded by mutex_
    std::atomic<State> state_{State::open};
    std::function<void()> told_;
};

}  // namespace bookstore::bus
