#include <doctest/doctest.h>

#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

struct PressureFixture : BusFixture {
    PressureFixture() {
        given_modules("shop depot");
        given_listener({.module = "depot", .name = "listener"});
        open();
        settled();
    }
    /// Many clients write, and do not stop.
    void given_pressure() {
        for (int i = 0; i < 32; ++i) {
            pressure.command_began();
        }
    }
    void pressure_ends() {
        for (int i = 0; i < 32; ++i) {
            pressure.command_ended();
        }
    }
    /// How long until this holds, while everything is stepped every ms.
    template <class Condition>
    std::int64_t waited_ms(Condition condition) {
        for (std::int64_t ms = 0; ms < 10'000; ++ms) {
            settled();
            if (condition()) {
                return ms;
            }
            clock.advance(1);
        }
        FAIL("it never came");
        return 0;
    }
};

}  // namespace

TEST_CASE_FIXTURE(
    PressureFixture, "under pressure an event is relayed and handled a little later, not never"
) {
    given_pressure();
    published("shop", "1:a");
    const auto relayed_after = waited_ms([this] { return topic->end() == 1; });
    CHECK(relayed_after > 0);
    CHECK(relayed_after <= bus::Pressure::relay_waits_ms);
    const auto handled_after = waited_ms([this] { return effects("listener") == "1:a"; });
    CHECK(handled_after <= bus::Pressure::subscription_waits_ms);
}

TEST_CASE_FIXTURE(PressureFixture, "when the pressure ends what gave way goes on at once") {
    given_pressure();
    published("shop", "1:a");
    settled();
    CHECK(topic->end() == 0);
    pressure_ends();
    const auto handled_after = waited_ms([this] { return effects("listener") == "1:a"; });
    CHECK(handled_after <= 50);
}

TEST_CASE_FIXTURE(
    PressureFixture, "whoever gives way is due a little later, so that its thread can sleep"
) {
    published("shop", "1:a");
    relayed();
    given_pressure();
    CHECK_FALSE(subscription("listener").step());
    REQUIRE(subscription("listener").due_in_ms());
    CHECK(*subscription("listener").due_in_ms() > 0);
    published("shop", "1:b");
    CHECK_FALSE(relay->step());
    REQUIRE(relay->due_in_ms());
    CHECK(*relay->due_in_ms() > 0);
}

TEST_CASE_FIXTURE(PressureFixture, "the wall clock set back under pressure starves nobody") {
    given_pressure();
    published("shop", "1:a");
    settled();
    clock.set_wall_clock(clock.now_ms() - 3'600'000);
    const auto handled_after = waited_ms([this] { return effects("listener") == "1:a"; });
    CHECK(handled_after <= bus::Pressure::relay_waits_ms + bus::Pressure::subscription_waits_ms);
}

TEST_CASE_FIXTURE(PressureFixture, "writes are put off while events wait too long") {
    bus::Pressure::Lag lag = 0;
    pressure.measure_with([&lag] { return lag; });
    const auto delays_after = [this, &lag](std::int64_t waited_ms) {
        lag = 0;
        clock.advance(10'000);
        CHECK(pressure.delay_ms() == 0);
        clock.advance(100);
        lag = waited_ms >= 0 ? std::optional(waited_ms) : std::nullopt;
        std::int64_t delays = 0;
        for (int i = 0; i < 100; ++i) {
            delays += pressure.delay_ms();
        }
        return delays;
    };
    CHECK(delays_after(0) == 0);
    CHECK(delays_after(bus::Throttle::most_lag_ms) == 0);
    CHECK(delays_after(bus::Throttle::most_lag_ms + 1) > 0);
    CHECK(delays_after(60'000) > 0);
    CHECK(delays_after(-1) > 0);  // nobody can say: no more than the one a second from before
}

TEST_CASE_FIXTURE(PressureFixture, "few clients put no pressure on anybody") {
    pressure.command_began();
    pressure.command_began();
    published("shop", "1:a");
    CHECK(waited_ms([this] { return effects("listener") == "1:a"; }) == 0);
}

}  // namespace bookstore::test
