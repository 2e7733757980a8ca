#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace bookstore {

struct BreakerOptions {
    std::int64_t timeout_ms = 5'000;        ///< of a call; the caller sees to it
    std::int64_t sleep_window_ms = 10'000;  ///< open for so long before a trial
    std::int64_t request_volume = 20;       ///< calls in the window below which it stays closed
    std::int64_t error_percent = 50;        ///< at which it opens
    std::int64_t window_ms = 10'000;        ///< rolling, in 10 buckets
};

/// A circuit breaker by Hystrix's rules: closed, it lets every call through and opens when, within
/// the rolling window, at least `request_volume` calls ended and at least `error_percent` of them
/// failed (a timeout is a failure). Open, it lets none through; after the sleep window it is
/// half-open and lets one trial through, which closes or opens it again. A caller that has a probe
/// of its own asks for the trial with it (ask_trial), and for everything else without (ask_call),
/// so that no client's call decides for all others.
///
/// Calls that began before it closed last say nothing about what it lets through now: they do not
/// count in the window.
///
/// A trial that has not ended after `timeout_ms` has failed, whether or not its caller ever says
/// so: no hanging, dropped or forgotten call keeps it half-open.
///
/// The time is handed in, as Clock::steady_ms has it; one before the latest counts as the latest.
/// Thread-safe.
class Breaker {
  public:
    enum class State { closed, open, half_open };

    /// Whether a call may go through; handed back with its end.
    struct Permit {
        enum Kind { none, call, trial };
        Kind kind = none;
        std::uint64_t trial_number = 0;
        std::int64_t closings = 0;  ///< how often it had closed when this one was asked for
        friend bool operator==(const Permit& permit, Kind wanted) { return permit.kind == wanted; }
    };

    struct Transition {
        State from = State::closed;
        State to = State::closed;
        std::int64_t at_steady_ms = 0;
        std::string reason{};
    };
    /// It must not call the breaker.
    using OnTransition = std::function<void(const Transition&)>;

    /// What there is to show of it.
    struct Snapshot {
        State state = State::closed;
        std::int64_t since_steady_ms = 0;
        std::int64_t opened = 0;  ///< how often, failed trials included
        std::int64_t succeeded = 0;
        std::int64_t failed = 0;
        std::int64_t refused = 0;  ///< calls that were not let through
        std::int64_t window_calls = 0;
        std::int64_t window_failures = 0;
        std::optional<Transition> last_transition{};
    };

    explicit Breaker(
        BreakerOptions options, std::int64_t steady_ms = 0, OnTransition on_transition = {}
    )
        : options_(options),
          on_transition_(std::move(on_transition)),
          latest_steady_ms_(steady_ms),
          since_steady_ms_(steady_ms) {}

    /// May a call go through now? With Permit::none it must not be made. Half-open, it is the
    /// trial.
    Permit ask(std::int64_t steady_ms);
    /// The same for a call that must not be the trial: Permit::none unless it is closed.
    Permit ask_call(std::int64_t steady_ms);
    /// For a probe: the trial, or Permit::none where none is due.
    Permit ask_trial(std::int64_t steady_ms);
    void success(const Permit& permit, std::int64_t steady_ms);
    void failure(const Permit& permit, std::int64_t steady_ms);

    /// Open turns half-open when a trial may go through.
    State state(std::int64_t steady_ms);
    /// How long until a call may go through; 0 when one may now, or a trial is under way.
    std::chrono::milliseconds retry_after(std::int64_t steady_ms);
    Snapshot snapshot(std::int64_t steady_ms);
    const BreakerOptions& options() const { return options_; }

  private:
    struct Bucket {
        std::int64_t number = -1;  ///< of the window's tenth that it counts for
        std::int64_t calls = 0;
        std::int64_t failures = 0;
    };

    // All with the mutex held.
    std::int64_t settle(std::int64_t steady_ms);
    void move_to(State state, std::int64_t at_steady_ms, std::string reason);
    void open(std::int64_t at_steady_ms, std::string reason);
    Permit call_or_none();
    Permit trial_or_none(std::int64_t now);
    bool is_current_trial(const Permit& permit) const;
    Bucket& bucket(std::int64_t steady_ms);
    /// Of what it has let through since it closed last.
    bool is_of_now(const Permit& permit) const { return permit.closings == closings_; }
    /// The rolling window's sum.
    Bucket window(std::int64_t steady_ms) const;

    const BreakerOptions options_;
    const OnTransition on_transition_;
    std::mutex mutex_;
    std::array<Bucket, 10> buckets_;
    std::int64_t latest_steady_ms_;
    State state_ = State::closed;
    std::int64_t since_steady_ms_;
    std::uint64_t trials_ = 0;                           ///< the last one's number
    std::optional<std::int64_t> trial_until_steady_ms_;  ///< half-open: the one call is under way
    std::int64_t opened_ = 0;
    std::int64_t closings_ = 0;
    std::int64_t succeeded_ = 0;
    std::int64_t failed_ = 0;
    std::int64_t refused_ = 0;
    std::optional<Transition> last_transition_;
};

constexpr std::array<std::string_view, 3> words_of(Breaker::State) {
    return {"closed", "open", "half-open"};
}

}  // namespace bookstore
