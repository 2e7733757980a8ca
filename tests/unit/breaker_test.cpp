#include "base/breaker.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace bookstore;

namespace {

using State = Breaker::State;
using Permit = Breaker::Permit;

/// Calls that end at once, at that time.
void fail(Breaker& breaker, int times, std::int64_t now) {
    for (int i = 0; i < times; ++i) {
        breaker.failure(breaker.ask(now), now);
    }
}

void succeed(Breaker& breaker, int times, std::int64_t now) {
    for (int i = 0; i < times; ++i) {
        breaker.success(breaker.ask(now), now);
    }
}

/// Opened at 1000 with the default rules.
struct OpenBreaker : Breaker {
    OpenBreaker() : Breaker(BreakerOptions{}) { fail(*this, 20, 1'000); }
};

}  // namespace

TEST_CASE("below the request volume it stays closed, whatever fails") {
    Breaker breaker{BreakerOptions{}};
    fail(breaker, 19, 1'000);
    CHECK(breaker.state(1'000) == State::closed);
    fail(breaker, 1, 1'000);
    CHECK(breaker.state(1'000) == State::open);
}

TEST_CASE("it opens at half of the calls failed, not below") {
    Breaker below{BreakerOptions{}};
    succeed(below, 11, 0);
    fail(below, 9, 0);
    CHECK(below.state(0) == State::closed);
    fail(below, 1, 0);  // 10 of 21
    CHECK(below.state(0) == State::closed);
    fail(below, 1, 0);  // 11 of 22
    CHECK(below.state(0) == State::open);
}

TEST_CASE("what is older than the rolling window does not count") {
    Breaker breaker{BreakerOptions{}};
    fail(breaker, 19, 500);
    fail(breaker, 1, 10'500);  // the first nineteen are in the bucket that has just gone
    CHECK(breaker.state(10'500) == State::closed);
    Breaker within{BreakerOptions{}};
    fail(within, 19, 500);
    fail(within, 1, 9'999);
    CHECK(within.state(9'999) == State::open);
}

TEST_CASE("open, it lets nothing through until the sleep window is over") {
    OpenBreaker breaker;
    CHECK(breaker.ask(1'001) == Permit::none);
    CHECK(breaker.retry_after(2'000) == std::chrono::milliseconds(9'000));
    CHECK(breaker.ask(10'999) == Permit::none);
    CHECK(breaker.state(10'999) == State::open);
    CHECK(breaker.state(11'000) == State::half_open);
    CHECK(breaker.retry_after(11'000) == std::chrono::milliseconds(0));
}

TEST_CASE("half-open, it lets one trial through, and no second one") {
    OpenBreaker breaker;
    CHECK(breaker.ask(11'000) == Permit::trial);
    CHECK(breaker.ask(11'000) == Permit::none);
    CHECK(breaker.ask(15'000) == Permit::none);
    CHECK(breaker.state(15'000) == State::half_open);
}

TEST_CASE("a trial that succeeds closes it, and old failures are forgotten") {
    OpenBreaker breaker;
    breaker.success(breaker.ask(11'000), 11'010);
    CHECK(breaker.state(11'010) == State::closed);
    fail(breaker, 18, 11'020);
    CHECK(breaker.state(11'020) == State::closed);
    fail(breaker, 1, 11'020);  // 19 of 20
    CHECK(breaker.state(11'020) == State::open);
}

TEST_CASE("a trial that fails opens it for another sleep window") {
    OpenBreaker breaker;
    breaker.failure(breaker.ask(11'000), 16'000);
    CHECK(breaker.state(16'001) == State::open);
    CHECK(breaker.ask(25'999) == Permit::none);
    CHECK(breaker.ask(26'000) == Permit::trial);
}

TEST_CASE("a call from before it opened neither closes it nor ends the trial") {
    Breaker breaker{BreakerOptions{}};
    const Permit early = breaker.ask(900);
    const Permit earlier = breaker.ask(900);
    fail(breaker, 20, 1'000);
    breaker.success(early, 2'000);
    CHECK(breaker.state(2'000) == State::open);
    const Permit trial = breaker.ask(11'000);
    REQUIRE(trial == Permit::trial);
    breaker.failure(earlier, 11'500);
    CHECK(breaker.state(11'500) == State::half_open);
    breaker.success(trial, 12'000);
    CHECK(breaker.state(12'000) == State::closed);
}

TEST_CASE("every rule can be set") {
    Breaker breaker{
        {.timeout_ms = 1,
         .sleep_window_ms = 50,
         .request_volume = 2,
         .error_percent = 100,
         .window_ms = 100}
    };
    succeed(breaker, 1, 0);
    fail(breaker, 1, 0);
    CHECK(breaker.state(0) == State::closed);
    fail(breaker, 2, 200);
    CHECK(breaker.state(200) == State::open);
    CHECK(breaker.ask(250) == Permit::trial);
}

TEST_CASE("a call that must not be the trial is refused until a probe has closed it") {
    OpenBreaker breaker;
    CHECK(breaker.ask_trial(10'999) == Permit::none);  // not due
    CHECK(breaker.ask_call(11'000) == Permit::none);
    CHECK(breaker.state(11'000) == State::half_open);
    const Permit probe = breaker.ask_trial(11'000);
    REQUIRE(probe == Permit::trial);
    CHECK(breaker.ask_trial(11'000) == Permit::none);  // one at a time
    CHECK(breaker.ask_call(11'000) == Permit::none);
    breaker.success(probe, 11'001);
    CHECK(breaker.ask_call(11'001) == Permit::call);
    CHECK(breaker.ask_trial(11'001) == Permit::none);  // closed: nothing is to be tried
    CHECK(breaker.snapshot(11'001).refused == 2);      // calls, not probes
}

TEST_CASE("calls from before it closed do not open it again") {
    Breaker breaker{BreakerOptions{}};
    std::vector<Permit> hanging;
    for (int i = 0; i < 40; ++i) {
        hanging.push_back(breaker.ask(1'000));
    }
    fail(breaker, 20, 1'000);
    breaker.success(breaker.ask(11'000), 11'000);
    REQUIRE(breaker.state(11'000) == State::closed);
    for (const Permit& permit : hanging) {
        breaker.failure(permit, 11'500);
    }
    CHECK(breaker.state(11'500) == State::closed);
    CHECK(breaker.snapshot(11'500).window_failures == 0);
    CHECK(breaker.snapshot(11'500).failed == 60);
    fail(breaker, 20, 11'600);
    CHECK(breaker.state(11'600) == State::open);
}
