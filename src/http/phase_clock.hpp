#pragma once

#include <algorithm>
#include <chrono>

namespace bookstore::http {

/// What a connection is doing.
enum class Phase {
    handshake,  ///< TLS' own, before the first request
    idle,       ///< nothing of a request came yet
    header,     ///< reading one
    body,       ///< reading one
    answer,     ///< a handler has the request, or a stream what comes next
    write,      ///< the client is slow to take what is sent
    stream,     ///< the stream has nothing to send
    linger      ///< the answer was the last one: see Connection::linger
};

/// What a connection is doing, and its deadline. There is no timer for each: Worker::sweep compares
/// the deadlines with the clock now and then, so that setting one costs no system call, and as a
/// rule no reading of the clock either.
class PhaseClock {
  public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    Phase phase() const { return phase_; }
    Time entered() const { return entered_; }
    /// When the last wait ended.
    Time now() const { return now_; }
    /// A wait has ended.
    void tick() { now_ = Clock::now(); }

    /// The limit counts from now().
    void enter(Phase phase, std::chrono::milliseconds limit) { enter_until(phase, now_ + limit); }
    void enter_until(Phase phase, Time deadline) {
        phase_ = phase;
        entered_ = now_;
        deadline_ = deadline;
    }
    /// A phase without a deadline.
    void enter(Phase phase) { enter_until(phase, never); }
    /// Goes back to the phase of before, and its deadline.
    void resume(const PhaseClock& before) {
        phase_ = before.phase_;
        entered_ = before.entered_;
        deadline_ = before.deadline_;
    }
    /// The phase ends at that time at the latest.
    void shorten(Time deadline) { deadline_ = std::min(deadline_, deadline); }

    bool is_over(Time now) const { return now >= deadline_; }
    /// Removes the deadline: whoever saw that it is over has acted on it.
    void expire() { deadline_ = never; }

  private:
    static constexpr Time never = Time::max();

    Phase phase_ = Phase::idle;
    Time now_ = Clock::now();
    Time entered_ = now_;
    Time deadline_ = never;
};

}  // namespace bookstore::http
