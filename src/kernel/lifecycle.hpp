#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "bus/gate.hpp"
#include "http/message.hpp"

namespace bookstore::kernel {

/// The state of one context, and which requests it answers in it. It changes on the context's own
/// thread, between two steps: a step sees one state from its begin to its end, and so does a write.
/// Reading from any thread.
class Lifecycle {
  public:
    enum class State {
        starting,  ///< reads are answered; writes are refused until the cursors caught up
        running,
        stopped,  ///< requests are answered 503, no event is handled; its outbox is still relayed
    };

    /// `context`, its name in messages, and the gate outlive this.
    Lifecycle(const std::string& context, const bus::Gate& gate) : context_(context), gate_(gate) {}

    State state() const { return state_.load(std::memory_order_acquire); }
    void move_to(State state) { state_.store(state, std::memory_order_release); }
    bool stopped() const { return state() == State::stopped; }

    /// Why no request that reads may be answered now (503); nothing when it may.
    std::optional<http::Problem> read_problem() const;
    /// The same of a request that writes.
    std::optional<http::Problem> write_problem() const;
    /// The same of a write that no request asks for, which may be while events are still missed.
    std::optional<http::Problem> own_write_problem() const;

  private:
    const std::string& context_;
    const bus::Gate& gate_;
    std::atomic<State> state_{State::starting};
};

constexpr std::array<std::string_view, 3> words_of(Lifecycle::State) {
    return {"STARTING", "RUNNING", "STOPPED"};
}

}  // namespace bookstore::kernel
