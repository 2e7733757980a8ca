#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bookstore::van {

struct BreakerOptions {
    std::int64_t timeout_ms = 5'000;        ///< of a call; its caller's business
    std::int64_t sleep_window_ms = 10'000;  ///< open for so long before a trial
    std::int64_t request_volume = 20;       ///< calls in the window below which it stays closed
    std::int64_t error_percent = 50;        ///< at which it opens
    std::int64_t window_ms = 10'000;        ///< rolling, in 10 buckets
};

/// A circuit breaker by Hystrix's rules: closed, it lets every call through and opens when, within
/// the rolling window, at least `request_volume` calls ended and at least `error_percent` of them
/// failed (a timeout is a failure). Open, it lets none through; after the sleep window it is
/// half-open and lets one trial through, which closes or opens it again.
///
/// Time is handed in (ms, never going back). Not thread-safe. Every call that was let through must
/// end in success() or failure(), with its permit, or a half-open breaker would wait for ever.
class Breaker {
  public:
    enum class State { closed, open, half_open };
    enum class Permit { none, call, trial };

    explicit Breaker(BreakerOptions options) : options_(options) {}

    /// May a call go through now? With Permit::none it must not be made.
    Permit ask(std::int64_t now_ms);
    void success(Permit permit, std::int64_t now_ms);
    void failure(Permit permit, std::int64_t now_ms);

    /// Open turns half-open when a trial may go through.
    State state(std::int64_t now_ms) const;
    /// How long until a call may go through; 0 when one may now.
    std::int64_t retry_after_ms(std::int64_t now_ms) const;
    const BreakerOptions& options() const { return options_; }

  private:
    struct Bucket {
        std::int64_t number = -1;  ///< of the window's tenth that it counts for
        std::int64_t calls = 0;
        std::int64_t failures = 0;
    };

    Bucket& bucket(std::int64_t now_ms);
    bool too_many_failures(std::int64_t now_ms) const;

    BreakerOptions options_;
    std::array<Bucket, 10> buckets_;
    bool open_ = false;
    bool trial_ = false;  ///< half-open: the one call is under way
    std::int64_t open_until_ms_ = 0;
};

constexpr std::string_view name_of(Breaker::State state) {
    switch (state) {
        case Breaker::State::closed:
            return "closed";
        case Breaker::State::open:
            return "open";
        case Breaker::State::half_open:
            return "half-open";
    }
    return "?";
}

}  // namespace bookstore::van
