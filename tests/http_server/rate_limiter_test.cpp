#include "http/rate_limiter.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace bookstore::http;
using namespace std::chrono_literals;

namespace {

/// A limiter, and a clock that stands still until it is told to go on.
struct Gate {
    explicit Gate(const RateLimit& limit) : limiter(limit) {}

    RateLimiter::Verdict take(std::string_view address) {
        return limiter.take(parse_address(address).value(), now);
    }
    /// How many of so many are let through.
    int let_through(std::string_view address, int requests) {
        int count = 0;
        for (int i = 0; i < requests; ++i) {
            count += take(address).allowed;
        }
        return count;
    }

    RateLimiter limiter;
    RateLimiter::Clock::time_point now{1000s};
};

IpAddress address_of(unsigned number) {
    return parse_address(
               fmt::format("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)
    )
        .value();
}

}  // namespace

TEST_CASE("a client may send a burst, and then as many as there are in the long run") {
    Gate gate({.per_s = 10, .burst = 50});
    CHECK(gate.let_through("192.0.2.1", 60) == 50);
    gate.now += 99ms;
    CHECK(gate.let_through("192.0.2.1", 1) == 0);
    gate.now += 1ms;
    CHECK(gate.let_through("192.0.2.1", 2) == 1);
    gate.now += 2s;
    CHECK(gate.let_through("192.0.2.1", 60) == 20);
    gate.now += 1h;
    CHECK(gate.let_through("192.0.2.1", 60) == 50);
    CHECK(gate.limiter.counts().refused == 10 + 1 + 1 + 40 + 10);
}

TEST_CASE("who keeps to the rate is never refused, and a refusal costs nothing") {
    Gate gate({.per_s = 10, .burst = 1});
    for (int i = 0; i < 1000; ++i) {
        CHECK(gate.let_through("192.0.2.1", 1) == 1);
        gate.now += 100ms;
    }
    CHECK(gate.let_through("192.0.2.1", 1000) == 1);
    gate.now += 100ms;
    CHECK(gate.let_through("192.0.2.1", 1) == 1);
}

TEST_CASE("a verdict says what is left, and when there is more") {
    Gate gate({.per_s = 2, .burst = 4});
    CHECK(gate.limiter.policy() == R"("default";q=4;w=2)");
    auto verdict = gate.take("192.0.2.1");
    CHECK(verdict.state.left == 3);
    CHECK(verdict.state.reset_s == 1);
    gate.take("192.0.2.1");
    gate.take("192.0.2.1");
    verdict = gate.take("192.0.2.1");
    CHECK(verdict.allowed);
    CHECK(verdict.state.left == 0);
    CHECK(verdict.state.reset_s == 2);
    verdict = gate.take("192.0.2.1");
    CHECK(!verdict.allowed);
    CHECK(verdict.state.left == 0);
    CHECK(verdict.retry_after_s == 1);
    CHECK(verdict.state.reset_s == verdict.retry_after_s);
    // Whoever comes then is let through.
    gate.now += std::chrono::seconds(verdict.retry_after_s);
    CHECK(gate.take("192.0.2.1").allowed);
    Gate slow({.per_s = 0.1, .burst = 1});
    CHECK(slow.limiter.policy() == R"("default";q=1;w=10)");
    slow.take("192.0.2.1");
    CHECK(slow.take("192.0.2.1").retry_after_s == 10);
}

TEST_CASE("clients are addresses, of IPv6 networks of 64 bits, and subjects") {
    Gate gate({.per_s = 1, .burst = 1});
    CHECK(gate.take("192.0.2.1").allowed);
    CHECK(gate.take("192.0.2.2").allowed);
    CHECK(!gate.take("192.0.2.1").allowed);
    CHECK(!gate.take("::ffff:192.0.2.1").allowed);
    CHECK(gate.take("2001:db8:0:1::1").allowed);
    CHECK(!gate.take("2001:db8:0:1:ffff::2").allowed);
    CHECK(gate.take("2001:db8:0:2::1").allowed);
    CHECK(gate.limiter.take("kim", gate.now).allowed);
    CHECK(!gate.limiter.take("kim", gate.now).allowed);
    CHECK(gate.limiter.take("lee", gate.now).allowed);
    CHECK(gate.limiter.take(std::string(10'000, 'k'), gate.now).allowed);
    CHECK(!gate.limiter.take(std::string(10'000, 'k'), gate.now).allowed);
}

TEST_CASE("a flood of addresses takes no memory, and never what another client may send") {
    Gate gate({.per_s = 5, .burst = 10, .clients = 1024});
    const std::size_t bytes = gate.limiter.bytes();
    CHECK(bytes <= 1024 * 40);
    // An honest client asks at its rate while a hundred times as many as there are places come.
    int honest = 0;
    int asked = 0;
    for (unsigned number = 0; number < 400'000; ++number) {
        gate.limiter.take(address_of(number), gate.now);
        gate.now += 100us;  // each needs its place for 200 ms: there are 2,000 at a time
        if (number % 2'000 == 0) {
            ++asked;
            honest += gate.take("192.0.2.1").allowed;
        }
    }
    CHECK(honest == asked);
    CHECK(gate.limiter.bytes() == bytes);
    CHECK(gate.limiter.counts().forgotten > 50'000);
}

TEST_CASE("as long as there is room, nobody is forgotten but who has rested") {
    Gate gate({.per_s = 1, .burst = 2, .clients = 65'536});
    for (unsigned number = 0; number < 4'000; ++number) {
        gate.limiter.take(address_of(number), gate.now);
        gate.limiter.take(address_of(number), gate.now);
    }
    CHECK(gate.limiter.counts().forgotten == 0);
    int allowed = 0;
    for (unsigned number = 0; number < 4'000; ++number) {
        allowed += gate.limiter.take(address_of(number), gate.now).allowed;
    }
    CHECK(allowed == 0);
    // A minute later all of them have rested, and their places are others'.
    gate.now += 1min;
    for (unsigned number = 10'000; number < 14'000; ++number) {
        gate.limiter.take(address_of(number), gate.now);
    }
    CHECK(gate.limiter.counts().forgotten == 0);
}

TEST_CASE("many threads together let through what one would") {
    RateLimiter limiter({.per_s = 0.001, .burst = 10'000, .clients = 1024});
    const auto now = RateLimiter::Clock::now();
    const auto one = parse_address("192.0.2.1").value();
    std::atomic<int> allowed = 0;
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (unsigned i = 0; i < 10'000; ++i) {
                allowed += limiter.take(one, now).allowed;
                limiter.take(address_of(thread << 16 | i), now);
            }
        });
    }
    threads.clear();
    // Whoever was forgotten meanwhile began anew; here the flood is of those who need it less.
    CHECK(allowed == 10'000);
    CHECK(limiter.counts().refused >= 30'000);
}
