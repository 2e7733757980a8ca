#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

/// 2020-12-27T00:00:00Z, a Sunday: of the week that belongs to 2021 where weeks begin on Sunday.
constexpr std::int64_t december_27 = 1'609'027'200'000;

/// Draws the lowest, or the highest, that it may.
class Extreme final : public Random {
  public:
    explicit Extreme(bool highest) : highest_(highest) {}
    std::string uuid() override { return {}; }
    std::int64_t below(std::int64_t bound) override {
        CHECK(bound > 0);
        return highest_ ? bound - 1 : 0;
    }

  private:
    bool highest_;
};

}  // namespace

TEST_CASE("timestamps are UTC, to the second, in the two forms of the contract") {
    CHECK(event_timestamp(VirtualClock::start_ms) == "20200910045035");
    CHECK(iso_timestamp(VirtualClock::start_ms) == "2020-09-10T04:50:35Z");
    CHECK(event_timestamp(VirtualClock::start_ms + 999) == "20200910045035");
    CHECK(event_timestamp(0) == "19700101000000");
    CHECK(iso_timestamp(0) == "1970-01-01T00:00:00Z");
    CHECK(iso_timestamp(951'782'400'000) == "2000-02-29T00:00:00Z");
    CHECK(iso_timestamp(253'402'300'799'000) == "9999-12-31T23:59:59Z");
}

TEST_CASE("the last days of a year belong to that year, not to the week's") {
    for (int day = 27; day <= 31; ++day) {
        const std::int64_t ms = december_27 + (day - 27) * 86'400'000;
        CHECK(event_timestamp(ms) == "202012" + std::to_string(day) + "000000");
        CHECK(event_timestamp(ms + 86'399'999) == "202012" + std::to_string(day) + "235959");
    }
    CHECK(event_timestamp(december_27 + 5 * std::int64_t{86'400'000}) == "20210101000000");
    CHECK(iso_timestamp(1'640'563'200'000) == "2021-12-27T00:00:00Z");
    CHECK(iso_timestamp(1'735'257'600'000) == "2024-12-27T00:00:00Z");
}

TEST_CASE("a backoff doubles up to its most, and stays within its upper half") {
    Extreme low(false);
    Extreme high(true);
    std::int64_t whole = 200;
    for (std::int64_t attempt = 1; attempt < 70; ++attempt) {
        CAPTURE(attempt);
        CHECK(backoff_ms(attempt, 200, 60'000, low) == whole / 2);
        CHECK(backoff_ms(attempt, 200, 60'000, high) == whole);
        whole = std::min<std::int64_t>(whole * 2, 60'000);
    }
    CHECK(backoff_ms(0, 200, 60'000, high) == 200);
    CHECK(backoff_ms(5, 1000, 300, high) == 300);
    CHECK(backoff_ms(1'000'000, 1, 1'000'000'000'000, high) == 1'000'000'000'000);
}

TEST_CASE("backoffs of the same attempt differ") {
    SeededRandom random(1);
    std::set<std::int64_t> drawn;
    for (int i = 0; i < 100; ++i) {
        const std::int64_t wait = backoff_ms(3, 200, 60'000, random);
        CHECK(wait >= 400);
        CHECK(wait <= 800);
        drawn.insert(wait);
    }
    CHECK(drawn.size() > 50);
}

TEST_CASE("the system's clock goes on and its random identities differ") {
    const SystemClock clock;
    const std::int64_t now = clock.now_ms();
    const std::int64_t steady = clock.steady_ms();
    CHECK(now > VirtualClock::start_ms);
    CHECK(clock.now_ms() >= now - 1000);
    CHECK(clock.steady_ms() >= steady);
    SystemRandom random;
    const std::string uuid = random.uuid();
    CHECK(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(uuid != random.uuid());
    for (int i = 0; i < 100; ++i) {
        const std::int64_t drawn = random.below(3);
        CHECK(drawn >= 0);
        CHECK(drawn < 3);
    }
    CHECK(random.below(1) == 0);
}

TEST_CASE("virtual time moves when it is told to, the wall clock also by itself") {
    VirtualClock clock;
    const std::int64_t steady = clock.steady_ms();
    CHECK(clock.now_ms() == VirtualClock::start_ms);
    clock.advance(250);
    CHECK(clock.now_ms() == VirtualClock::start_ms + 250);
    CHECK(clock.steady_ms() == steady + 250);
    clock.set_wall_clock(5);
    CHECK(clock.now_ms() == 5);
    CHECK(clock.steady_ms() == steady + 250);
}

}  // namespace bookstore::test
