#include "base/breaker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bookstore {

// ---- with the mutex held

/// Makes the transitions that are due by the time alone; returns the latest time that was handed
/// in.
std::int64_t Breaker::settle(std::int64_t steady_ms) {
    latest_steady_ms_ = std::max(latest_steady_ms_, steady_ms);
    if (state_ == State::half_open && trial_until_steady_ms_ &&
        latest_steady_ms_ >= *trial_until_steady_ms_) {
        open(
            *trial_until_steady_ms_,
            fmt::format("the trial had no end after {} ms", options_.timeout_ms)
        );
    }
    if (state_ == State::open && latest_steady_ms_ - since_steady_ms_ >= options_.sleep_window_ms) {
        move_to(
            State::half_open,
            since_steady_ms_ + options_.sleep_window_ms,
            fmt::format("the sleep window of {} ms is over", options_.sleep_window_ms)
        );
    }
    return latest_steady_ms_;
}

void Breaker::move_to(State state, std::int64_t at_steady_ms, std::string reason) {
    last_transition_ = {
        .from = state_, .to = state, .at_steady_ms = at_steady_ms, .reason = std::move(reason)
    };
    state_ = state;
    since_steady_ms_ = at_steady_ms;
    trial_until_steady_ms_.reset();
    if (on_transition_) {
        on_transition_(*last_transition_);
    }
}

void Breaker::open(std::int64_t at_steady_ms, std::string reason) {
    ++opened_;
    move_to(State::open, at_steady_ms, std::move(reason));
}

Breaker::Permit Breaker::call_or_none() {
    if (state_ != State::closed) {
        ++refused_;
        return {};
    }
    return {.kind = Permit::call, .trial_number = 0, .closings = closings_};
}

Breaker::Permit Breaker::trial_or_none(std::int64_t now) {
    if (state_ != State::half_open || trial_until_steady_ms_) {
        return {};
    }
    trial_until_steady_ms_ = now + options_.timeout_ms;
    return {.kind = Permit::trial, .trial_number = ++trials_, .closings = closings_};
}

/// Not one that has been given up.
bool Breaker::is_current_trial(const Permit& permit) const {
    return permit.kind == Permit::trial && trial_until_steady_ms_ && permit.trial_number == trials_;
}

Breaker::Bucket& Breaker::bucket(std::int64_t steady_ms) {
    const auto count = static_cast<std::int64_t>(buckets_.size());
    const std::int64_t width = std::max<std::int64_t>(options_.window_ms / count, 1);
    const std::int64_t number = steady_ms / width;
    Bucket& bucket = buckets_[static_cast<std::size_t>(number % count)];
    if (bucket.number != number) {
        bucket = {.number = number, .calls = 0, .failures = 0};
    }
    return bucket;
}

Breaker::Bucket Breaker::window(std::int64_t steady_ms) const {
    const auto count = static_cast<std::int64_t>(buckets_.size());
    const std::int64_t width = std::max<std::int64_t>(options_.window_ms / count, 1);
    Bucket sum{.number = steady_ms / width, .calls = 0, .failures = 0};
    for (const Bucket& bucket : buckets_) {
        if (bucket.number > sum.number - count) {
            sum.calls += bucket.calls;
            sum.failures += bucket.failures;
        }
    }
    return sum;
}

// ---- any thread

Breaker::Permit Breaker::ask(std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    const std::int64_t now = settle(steady_ms);
    const Permit trial = trial_or_none(now);
    return trial == Permit::trial ? trial : call_or_none();
}

Breaker::Permit Breaker::ask_call(std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    settle(steady_ms);
    return call_or_none();
}

Breaker::Permit Breaker::ask_trial(std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    return trial_or_none(settle(steady_ms));
}

void Breaker::success(const Permit& permit, std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    const std::int64_t now = settle(steady_ms);
    ++succeeded_;
    if (is_current_trial(permit)) {
        buckets_ = {};
        ++closings_;
        move_to(State::closed, now, "the trial succeeded");
        ++bucket(now).calls;
    } else if (is_of_now(permit)) {
        ++bucket(now).calls;
    }
}

void Breaker::failure(const Permit& permit, std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    const std::int64_t now = settle(steady_ms);
    ++failed_;
    if (!is_of_now(permit)) {
        return;
    }
    Bucket& current = bucket(now);
    ++current.calls;
    ++current.failures;
    if (is_current_trial(permit)) {
        open(now, "the trial failed");
        return;
    }
    const Bucket sum = window(now);
    const bool too_many = sum.calls >= options_.request_volume &&
                          sum.failures * 100 >= options_.error_percent * sum.calls;
    if (state_ == State::closed && too_many) {
        open(
            now,
            fmt::format(
                "{} of {} calls within {} ms failed", sum.failures, sum.calls, options_.window_ms
            )
        );
    }
}

Breaker::State Breaker::state(std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    settle(steady_ms);
    return state_;
}

std::chrono::milliseconds Breaker::retry_after(std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    const std::int64_t now = settle(steady_ms);
    return std::chrono::milliseconds(
        state_ == State::open ? since_steady_ms_ + options_.sleep_window_ms - now : 0
    );
}

Breaker::Snapshot Breaker::snapshot(std::int64_t steady_ms) {
    const std::scoped_lock lock(mutex_);
    const Bucket sum = window(settle(steady_ms));
    return {
        .state = state_,
        .since_steady_ms = since_steady_ms_,
        .opened = opened_,
        .succeeded = succeeded_,
        .failed = failed_,
        .refused = refused_,
        .window_calls = sum.calls,
        .window_failures = sum.failures,
        .last_transition = last_transition_
    };
}

}  // namespace bookstore
