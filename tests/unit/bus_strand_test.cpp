#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bus/strand.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

struct StrandFixture {
    VirtualClock clock;
    std::atomic<int> rung{0};
    bus::Strand strand{clock, [this] { ++rung; }};
    std::string story;

    bus::Strand::Callback tell(const std::string& word) {
        return [this, word] { story += word; };
    }
};

}  // namespace

TEST_CASE_FIXTURE(
    StrandFixture, "callbacks run in the order they were posted, when it is stepped"
) {
    strand.post(tell("a"));
    strand.post(tell("b"));
    CHECK(story.empty());
    CHECK(rung == 1);
    CHECK(strand.step());
    CHECK(story == "ab");
    CHECK_FALSE(strand.step());
    strand.post(tell("c"));
    CHECK(rung == 2);
}

TEST_CASE_FIXTURE(StrandFixture, "timers run when their time has come, earliest first") {
    strand.after(300, tell("c"));
    strand.after(100, tell("a"));
    strand.after(200, tell("b"));
    CHECK(rung == 3);
    // 101: the clock cuts off what it had of its first millisecond, and a timer is never early.
    CHECK(strand.due_in_ms() == 101);
    CHECK_FALSE(strand.step());
    clock.advance(100);
    CHECK_FALSE(strand.step());
    clock.advance(1);
    CHECK(strand.step());
    CHECK(story == "a");
    clock.advance(500);
    CHECK(strand.step());
    CHECK(story == "abc");
    CHECK(strand.due_in_ms() == std::nullopt);
}

TEST_CASE_FIXTURE(StrandFixture, "timers of the same moment run in the order they were set") {
    strand.after(100, tell("a"));
    strand.after(100, tell("b"));
    strand.after(0, tell("0"));
    clock.advance(101);
    strand.step();
    CHECK(story == "0ab");
}

TEST_CASE_FIXTURE(StrandFixture, "the wall clock does not move a timer") {
    strand.after(100, tell("a"));
    clock.set_wall_clock(VirtualClock::start_ms + 1'000'000);
    CHECK_FALSE(strand.step());
    clock.set_wall_clock(0);
    clock.advance(101);
    CHECK(strand.step());
}

TEST_CASE_FIXTURE(StrandFixture, "a callback may post and set timers, they run in a later step") {
    strand.post([this] {
        story += "a";
        strand.post(tell("b"));
        strand.after(0, tell("c"));
    });
    CHECK(strand.step());
    CHECK(story == "a");
    CHECK(rung == 3);
    CHECK(strand.step());
    CHECK(story == "abc");
}

TEST_CASE_FIXTURE(
    StrandFixture, "what other threads post runs on the thread that steps, nothing is lost"
) {
    constexpr int each = 1000;
    int ran = 0;  // not atomic: the strand's thread alone touches it
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < each; ++n) {
                n % 2 == 0 ? strand.post([&] { ++ran; }) : strand.after(n % 7, [&] { ++ran; });
            }
        });
    }
    while (ran < 3 * each) {
        clock.advance(1);
        strand.step();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(ran == 3 * each);
    CHECK_FALSE(strand.step());
    CHECK(rung > 0);
}

TEST_CASE_FIXTURE(StrandFixture, "a callback that throws keeps no other from its turn") {
    const Quiet quiet;
    strand.post(tell("a"));
    strand.post([] { throw std::runtime_error("posted"); });
    strand.post(tell("b"));
    strand.after(0, [] { throw 1; });
    strand.after(0, tell("c"));
    clock.advance(1);
    CHECK(strand.step());
    CHECK(story == "abc");
    CHECK_FALSE(strand.step());
}

TEST_CASE_FIXTURE(StrandFixture, "what is dropped is let go uncalled, timers too") {
    const auto held = std::make_shared<int>(1);
    strand.post([held] {});
    strand.after(10, [held] {});
    CHECK(held.use_count() == 3);
    strand.drop();
    CHECK(held.use_count() == 1);
    CHECK_FALSE(strand.step());
    CHECK_FALSE(strand.due_in_ms());
}

}  // namespace bookstore::test
