#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace bookstore::kernel {

/// The state of one context, and what it refuses in it. It changes on the context's own thread,
/// between two steps: a step sees one state from its begin to its end, and so does a write. Reading
/// from any thread.
class Lifecycle {
  public:
    enum class State {
        starting,  ///< reads are answered; writes are refused until the cursors caught up
        running,
        stopped,  ///< rests: 503; its outbox is still relayed
    };

    /// `context` names it in refusals, and outlives this.
    explicit Lifecycle(const std::string& context) : context_(context) {}

    State state() const { return state_.load(std::memory_order_acquire); }
    void move_to(State state) { state_.store(state, std::memory_order_release); }
    bool stopped() const { return state() == State::stopped; }

    /// Why a request that reads is refused now (503); nothing when it is not.
    std::optional<http::Problem> refuse_read() const;
    /// The same of one that writes.
    std::optional<http::Problem> refuse_write() const;

  private:
    const std::string& context_;
    std::atomic<State> state_{State::starting};
};

constexpr std::array<std::string_view, 3> words_of(Lifecycle::State) {
    return {"STARTING", "RUNNING", "STOPPED"};
}

}  // namespace bookstore::kernel
