#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/ip_address.hpp"
#include "http/message.hpp"

namespace bookstore::http {

/// How often a client may ask.
struct RateLimit {
    double per_s = 0;         ///< in the long run
    std::uint32_t burst = 1;  ///< at once, after a rest
    /// Of how many clients the use is remembered; rounded up to a power of two.
    std::size_t clients = 65'536;
};

/// Says of each request whether its client may send it yet, and what he may still send.
///
/// A client is an address (of IPv6 its /64), or a subject. What is remembered of one is a single
/// time, in a table whose size never changes: 32 bytes a client, whoever comes. Who has rested
/// until he may send a whole burst is as good as unknown, and his place is free. Where a newcomer
/// finds none among the eight places that may be his, he takes that of the client who needs it
/// least, and that one may send a whole burst again. So a flood of addresses can make others'
/// limits wider, and never narrower; which places somebody's are is a secret of the process.
///
/// Any thread. Those who ask at the same time wait for each other only where their places are among
/// the same eight, and then for as long as it takes to compare these.
class RateLimiter {
  public:
    using Clock = std::chrono::steady_clock;

    struct Verdict {
        bool allowed = true;
        RateState state{};
        std::uint32_t retry_after_s = 0;  ///< where it is not allowed
    };
    struct Counts {
        std::uint64_t refused = 0;
        std::uint64_t forgotten = 0;  ///< clients whose place another one took
    };

    explicit RateLimiter(const RateLimit& limit);
    ~RateLimiter();
    RateLimiter(const RateLimiter&) = delete;
    RateLimiter& operator=(const RateLimiter&) = delete;

    /// A request of that client now.
    Verdict take(const IpAddress& client, Clock::time_point now);
    Verdict take(std::string_view subject, Clock::time_point now);

    /// The value of RateLimit-Policy: `"default";q=100;w=2`.
    const std::string& policy() const { return policy_; }
    double per_s() const { return per_s_; }
    Counts counts() const;
    std::size_t bytes() const;

  private:
    struct Set;
    using Key = IpAddress;

    Verdict take_key(const Key& key, Clock::time_point now);
    Verdict judge(std::int64_t& full_at_ns, std::int64_t now_ns) const;

    const double per_s_;
    const std::int64_t step_ns_;   ///< a request's share of the burst's time
    const std::int64_t burst_ns_;  ///< from an empty burst to a full one
    const std::size_t count_;      ///< of sets
    std::unique_ptr<Set[]> sets_;
    const std::string policy_;
    std::string secret_;
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> forgotten_{0};
};

}  // namespace bookstore::http
