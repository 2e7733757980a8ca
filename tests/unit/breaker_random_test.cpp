#include <doctest/doctest.h>

#include <vector>

#include "base/breaker.hpp"
#include "support/seeds.hpp"
#include "support/virtual_time.hpp"

using namespace bookstore;
using namespace bookstore::test;

// A breaker whose callers are slow, forget what they asked for, or are busy elsewhere.

namespace {

using State = Breaker::State;
using Permit = Breaker::Permit;

constexpr BreakerOptions rules{
    .timeout_ms = 500,
    .sleep_window_ms = 1'000,
    .request_volume = 4,
    .error_percent = 50,
    .window_ms = 2'000
};

/// Opened at 1000, asked for its trial at 2000.
struct Trying : Breaker {
    Trying() : Breaker(rules) {
        for (int i = 0; i < 4; ++i) {
            failure(ask(1'000), 1'000);
        }
        trial = ask(2'000);
    }
    Permit trial;
};

bool may_follow(State from, State to) {
    switch (from) {
        case State::closed:
            return to == State::open;
        case State::open:
            return to == State::half_open;
        case State::half_open:
            return to == State::open || to == State::closed;
    }
    return false;
}

/// Checks every transition as it is made.
struct Witness {
    State state = State::closed;
    std::int64_t at_ms = 0;
    std::int64_t count = 0;

    void operator()(const Breaker::Transition& transition) {
        CHECK(transition.from == state);
        CHECK(may_follow(transition.from, transition.to));
        CHECK(transition.at_steady_ms >= at_ms);
        if (transition.to == State::half_open) {
            CHECK(transition.at_steady_ms - at_ms == rules.sleep_window_ms);
        }
        CHECK(!transition.reason.empty());
        state = transition.to;
        at_ms = transition.at_steady_ms;
        ++count;
    }
};

}  // namespace

TEST_CASE("a trial that hangs or is dropped has failed after the timeout") {
    Trying breaker;
    REQUIRE(breaker.trial == Permit::trial);
    CHECK(breaker.state(2'499) == State::half_open);
    CHECK(breaker.state(2'500) == State::open);
    const auto shown = breaker.snapshot(2'500);
    CHECK(shown.since_steady_ms == 2'500);
    CHECK(shown.opened == 2);
    REQUIRE(shown.last_transition);
    CHECK(shown.last_transition->reason == "the trial had no end after 500 ms");
    CHECK(breaker.retry_after(2'600) == std::chrono::milliseconds(900));
    CHECK(breaker.ask(3'499) == Permit::none);
    CHECK(breaker.ask(3'500) == Permit::trial);
}

TEST_CASE("a trial's end that comes too late decides nothing, not even of the next trial") {
    Trying breaker;
    const Permit late = breaker.trial;
    breaker.success(late, 2'600);
    CHECK(breaker.state(2'600) == State::open);
    const Permit next = breaker.ask(3'500);
    REQUIRE(next == Permit::trial);
    breaker.failure(late, 3'600);
    CHECK(breaker.state(3'600) == State::half_open);
    breaker.success(late, 3'600);
    CHECK(breaker.state(3'600) == State::half_open);
    breaker.success(next, 3'700);
    CHECK(breaker.state(3'700) == State::closed);
}

TEST_CASE("a process that was busy for long finds the breaker where time has brought it") {
    Trying hanging;
    // Nobody looked at 2500, when the trial was over, nor at 3500, when the next one was due.
    CHECK(hanging.ask(60'000) == Permit::trial);
    Trying ending;
    ending.success(ending.trial, 60'000);  // its own end, seen too late
    CHECK(ending.state(60'000) == State::half_open);
    CHECK(ending.ask(60'000) == Permit::trial);
}

TEST_CASE("what is shown: state, since when, why, and how often") {
    Breaker breaker(rules, 700);
    CHECK(breaker.snapshot(800).state == State::closed);
    CHECK(breaker.snapshot(800).since_steady_ms == 700);
    CHECK(!breaker.snapshot(800).last_transition);
    breaker.success(breaker.ask(900), 900);
    for (int i = 0; i < 3; ++i) {
        breaker.failure(breaker.ask(1'000), 1'000);
    }
    breaker.ask(1'100);
    auto shown = breaker.snapshot(1'100);
    CHECK(shown.state == State::open);
    CHECK(shown.since_steady_ms == 1'000);
    CHECK(shown.opened == 1);
    CHECK(shown.succeeded == 1);
    CHECK(shown.failed == 3);
    CHECK(shown.refused == 1);
    CHECK(shown.window_calls == 4);
    CHECK(shown.window_failures == 3);
    REQUIRE(shown.last_transition);
    CHECK(shown.last_transition->from == State::closed);
    CHECK(shown.last_transition->to == State::open);
    CHECK(shown.last_transition->reason == "3 of 4 calls within 2000 ms failed");
    breaker.success(breaker.ask(2'000), 2'010);
    shown = breaker.snapshot(2'010);
    CHECK(shown.state == State::closed);
    CHECK(shown.since_steady_ms == 2'010);
    CHECK(shown.last_transition->from == State::half_open);
    CHECK(shown.last_transition->reason == "the trial succeeded");
}

TEST_CASE("whatever its callers do, it makes legal transitions and lets a call through in time") {
    for (std::uint64_t seed = 1; seed <= seeds(300); ++seed) {
        CAPTURE(seed);
        SeededRandom draw(seed);
        Witness witness;
        Breaker breaker(rules, 0, std::ref(witness));
        std::vector<Permit> under_way;
        std::int64_t now = 0;
        std::int64_t asked = 0;
        std::int64_t let_through = 0;
        std::int64_t refused_since = -1;  // nothing was let through from then on
        for (int step = 0; step < 500; ++step) {
            now += draw.one_in(20) ? draw.below(5'000) : draw.below(60);
            // One that reads a clock a little earlier than another did.
            const std::int64_t seen = now - (draw.one_in(10) ? draw.below(5) : 0);
            if (draw.one_in(2)) {
                ++asked;
                const Permit permit = breaker.ask(seen);
                if (permit == Permit::none) {
                    if (refused_since < 0) {
                        refused_since = seen;
                    }
                    // At the latest: the trial's timeout, then a sleep window.
                    CHECK(seen - refused_since <= rules.timeout_ms + rules.sleep_window_ms);
                } else {
                    ++let_through;
                    refused_since = -1;
                    if (!draw.one_in(4)) {
                        under_way.push_back(permit);  // else it is forgotten
                    }
                }
            } else if (!under_way.empty()) {
                const auto at =
                    static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(under_way.size()))
                    );
                const Permit permit = under_way[at];
                under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
                if (draw.one_in(2)) {
                    breaker.success(permit, seen);
                } else {
                    breaker.failure(permit, seen);
                }
            }
        }
        const auto shown = breaker.snapshot(now);
        CHECK(shown.state == witness.state);
        CHECK(shown.refused == asked - let_through);
        // Left alone it is no later than that half-open or closed, and one call heals it.
        now += rules.timeout_ms + rules.sleep_window_ms;
        const Permit last = breaker.ask(now);
        CHECK(last.kind != Permit::none);
        breaker.success(last, now);
        if (last == Permit::trial) {
            CHECK(breaker.state(now) == State::closed);
        }
    }
}
