#pragma once

#include <cstdint>
#include <string>

namespace bookstore {

/// The only source of time for everything that moves. Thread-safe.
class Clock {
  public:
    virtual ~Clock() = default;
    /// Wall clock, ms since 1970 UTC: what is stored and shown, and when a stored retry is due.
    virtual std::int64_t now_ms() const = 0;
    /// Steady clock, ms since some moment: never goes back. For timeouts and windows; never stored.
    virtual std::int64_t steady_ms() const = 0;
};

class SystemClock final : public Clock {
  public:
    std::int64_t now_ms() const override;
    std::int64_t steady_ms() const override;
};

/// Where random identities and jitter come from. Thread-safe.
class Random {
  public:
    virtual ~Random() = default;
    /// A random UUID (RFC 9562, version 4), lower case.
    virtual std::string uuid() = 0;
    /// Uniform in [0, bound); bound > 0.
    virtual std::int64_t below(std::int64_t bound) = 0;
};

class SystemRandom final : public Random {
  public:
    std::string uuid() override;
    std::int64_t below(std::int64_t bound) override;
};

/// "20200910045035": the timestamp of events, of a time on the wall clock. UTC, calendar year.
std::string event_timestamp(std::int64_t wall_ms);
/// "2020-09-10T04:50:35Z": timestamps in resources, of a time on the wall clock.
std::string iso_timestamp(std::int64_t wall_ms);
/// "2020-09-10T04:50:35.123": to the millisecond, in UTC; the zone is the caller's to write.
std::string iso_milliseconds(std::int64_t wall_ms);

/// Exponential backoff with full jitter on its upper half: attempt 1 waits about `first_ms`.
std::int64_t backoff_ms(
    std::int64_t attempt, std::int64_t first_ms, std::int64_t most_ms, Random& random
);

}  // namespace bookstore
