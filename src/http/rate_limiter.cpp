#include "http/rate_limiter.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <mutex>
#include <random>
#include <vector>

#include "http/client_key.hpp"

namespace bookstore::http {

namespace {

constexpr std::size_t places = 8;
constexpr std::int64_t second_ns = 1'000'000'000;

std::int64_t step_of(const RateLimit& limit) {
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(std::llround(static_cast<double>(second_ns) / limit.per_s))
    );
}

std::uint32_t seconds_of(std::int64_t ns) {
    return static_cast<std::uint32_t>((std::max<std::int64_t>(ns, 0) + second_ns - 1) / second_ns);
}

std::string random_secret() {
    std::random_device random;
    std::string secret;
    for (int i = 0; i < 8; ++i) {
        const unsigned word = random();
        secret.append(std::bit_cast<std::array<char, sizeof word>>(word).data(), sizeof word);
    }
    return secret;
}

}  // namespace

/// Eight places. A place is free when its time is over, as it is in the beginning.
struct alignas(64) RateLimiter::Set {
    std::mutex mutex;
    std::array<std::int64_t, places> full_at_ns{};  ///< when its client may send a whole burst
    std::array<Key, places> keys{};
};

RateLimiter::RateLimiter(const RateLimit& limit)
    : per_s_(limit.per_s),
      step_ns_(step_of(limit)),
      burst_ns_(step_ns_ * std::max<std::int64_t>(limit.burst, 1)),
      count_(std::bit_ceil(std::max<std::size_t>(limit.clients / places, 1))),
      sets_(std::make_unique<Set[]>(count_)),
      policy_(fmt::format(
          R"("default";q={};w={})", std::max(limit.burst, 1U), std::max(seconds_of(burst_ns_), 1U)
      )),
      secret_(random_secret()) {}

RateLimiter::~RateLimiter() = default;

RateLimiter::Verdict RateLimiter::take(const IpAddress& client, Clock::time_point now) {
    return take_key(key_of(client), now);
}

/// As long as a subject may be, what is kept of it is as long as an address, and no address is it.
RateLimiter::Verdict RateLimiter::take(std::string_view subject, Clock::time_point now) {
    std::string text = secret_;
    text += subject;
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    const std::vector<unsigned char> bytes(text.begin(), text.end());
    SHA256(bytes.data(), bytes.size(), digest.data());
    Key key;
    std::copy_n(digest.begin(), key.size(), key.begin());
    return take_key(key, now);
}

RateLimiter::Verdict RateLimiter::take_key(const Key& key, Clock::time_point now) {
    static const ClientHash hash;
    const std::int64_t now_ns = now.time_since_epoch() / std::chrono::nanoseconds(1);
    Set& set = sets_[hash(key) & (count_ - 1)];
    Verdict verdict;
    {
        const std::lock_guard lock(set.mutex);
        std::size_t place = 0;
        std::size_t least = 0;
        while (place < places && (set.keys[place] != key || set.full_at_ns[place] <= now_ns)) {
            least = set.full_at_ns[place] < set.full_at_ns[least] ? place : least;
            ++place;
        }
        if (place == places) {
            place = least;
            if (set.full_at_ns[place] > now_ns) {
                forgotten_.fetch_add(1, std::memory_order_relaxed);
            }
            set.keys[place] = key;
            set.full_at_ns[place] = now_ns;
        }
        verdict = judge(set.full_at_ns[place], now_ns);
    }
    if (!verdict.allowed) {
        refused_.fetch_add(1, std::memory_order_relaxed);
    }
    return verdict;
}

/// A request moves the time at which the burst is full again by its share; never further away than
/// a whole burst.
RateLimiter::Verdict RateLimiter::judge(std::int64_t& full_at_ns, std::int64_t now_ns) const {
    const std::int64_t then = std::max(full_at_ns, now_ns) + step_ns_;
    const std::int64_t beyond = then - now_ns - burst_ns_;
    if (beyond > 0) {
        const std::uint32_t wait_s = std::max(seconds_of(beyond), 1U);
        return {.allowed = false, .state = {.left = 0, .reset_s = wait_s}, .retry_after_s = wait_s};
    }
    full_at_ns = then;
    return {
        .state =
            {.left = static_cast<std::uint32_t>(-beyond / step_ns_),
             .reset_s = seconds_of(then - now_ns)}
    };
}

RateLimiter::Counts RateLimiter::counts() const {
    return {
        .refused = refused_.load(std::memory_order_relaxed),
        .forgotten = forgotten_.load(std::memory_order_relaxed)
    };
}

std::size_t RateLimiter::bytes() const {
    return count_ * sizeof(Set);
}

}  // namespace bookstore::http
