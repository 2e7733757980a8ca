#include <doctest/doctest.h>

#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

/// "shop" publishes, "listener" in "depot" handles, some of it only after a while.
struct HeldFixture : BusFixture {
    HeldFixture() { given_modules("shop depot"); }
    void given_a_listener(bus::RetryPolicy retry = {}) {
        given_listener({.module = "depot", .name = "listener", .retry = retry});
        open();
        settled();
    }
    std::string effects() { return BusFixture::effects("listener"); }
    std::int64_t held() { return BusFixture::held("listener").held; }
    std::int64_t parked() { return BusFixture::held("listener").parked; }
    int tried(const std::string& note) { return attempts["listener " + note]; }
    std::int64_t due_in_ms() {
        const auto due = BusFixture::due_in_ms();
        REQUIRE(due);
        return *due;
    }
};

}  // namespace

TEST_CASE_FIXTURE(
    HeldFixture, "a handler that throws is rolled back, its event is held, the cursor moves on"
) {
    given_a_listener();
    given_failing("b");
    published("shop", "1:a 2:b 3:c");
    settled();
    CHECK(effects() == "1:a 3:c");
    CHECK(held() == 1);
    CHECK(parked() == 0);
    CHECK(stored_cursor("listener") == 3);
    CHECK(ask("depot", "SELECT attempts FROM held") == 1);
    CHECK(ask("depot", "SELECT error = 'cannot handle b' FROM held") == 1);
    CHECK(ask("depot", "SELECT position FROM held") == 2);
    CHECK(ask("depot", "SELECT first_try FROM held") == clock.now_ms());
}

TEST_CASE_FIXTURE(HeldFixture, "what a failed handler published is not published") {
    given_listener({.module = "depot", .name = "listener", .republishes = true});
    open();
    given_failing("b", 1 + 1);  // the batch, then the event alone
    published("shop", "1:a 2:b");
    settled();
    CHECK(in_topic("Copied") == "1:a");
    settled_for_good();
    CHECK(in_topic("Copied") == "1:a 2:b");
    CHECK(topic_events().back().trace == "trace-shop");
}

TEST_CASE_FIXTURE(
    HeldFixture, "the wall clock set back by hours puts a held event off by no more than its wait"
) {
    for (const bool restarts : {false, true}) {
        CAPTURE(restarts);
        const std::string note = restarts ? "c" : "b";
        if (!restarts) {
            given_a_listener();
        }
        given_failing(note, 1 + 1);  // the batch, then the event alone
        published("shop", restarts ? "2:c" : "1:b");
        settled();
        REQUIRE(held() == 1);
        clock.set_wall_clock(clock.now_ms() - 7'200'000);
        if (restarts) {
            crash(Crash::process);
        }
        CHECK(due_in_ms() == 0);
        settled();
        CHECK(held() == 0);
        CHECK(effects().ends_with(note));
    }
}

TEST_CASE_FIXTURE(
    HeldFixture, "later events of a held key wait behind it in order, other keys flow"
) {
    given_a_listener();
    given_failing("a");
    published("shop", "1:a 1:b 2:c 1:d");
    settled();
    published("shop", "1:e 2:f");
    settled();
    CHECK(effects() == "2:c 2:f");
    CHECK(held() == 4);
    CHECK(tried("b") == 0);
    CHECK(ask("depot", "SELECT count(*) FROM held WHERE next_try IS NOT NULL") == 1);
    cured("a");
    settled_for_good();
    CHECK(effects() == "2:c 2:f 1:a 1:b 1:d 1:e");
    CHECK(held() == 0);
    published("shop", "1:g");
    settled();
    CHECK(effects().ends_with("1:e 1:g"));
}

TEST_CASE_FIXTURE(HeldFixture, "a held event is tried again after a growing time, not before") {
    given_a_listener({.attempts = 5, .first_ms = 1000, .most_ms = 3000});
    given_failing("a");
    published("shop", "1:a");
    settled();
    const int first = tried("a");
    const std::int64_t most[] = {1000, 2000, 3000, 3000};
    for (int retry = 0; retry < 4; ++retry) {
        const std::int64_t wait = due_in_ms();
        CHECK(wait <= most[retry]);
        CHECK(wait >= most[retry] / 2);
        after(wait - 1);
        CHECK(tried("a") == first + retry);
        after(1);
        CHECK(tried("a") == first + retry + 1);
    }
    CHECK(parked() == 1);
}

TEST_CASE_FIXTURE(
    HeldFixture, "an event whose attempts are used up is parked, with all behind it"
) {
    given_a_listener({.attempts = 3, .first_ms = 100, .most_ms = 1000});
    given_failing("a");
    published("shop", "1:a 1:b 2:c");
    settled_for_good();
    CHECK(effects() == "2:c");
    CHECK(held() == 2);
    CHECK(parked() == 1);
    CHECK(ask("depot", "SELECT attempts FROM held WHERE parked") == 3);
    cured("a");
    published("shop", "1:d 2:e");
    settled_for_good();
    after(1'000'000'000);
    CHECK(effects() == "2:c 2:e");
    CHECK(held() == 3);
    CHECK(parked() == 1);
}

TEST_CASE_FIXTURE(HeldFixture, "a policy of one attempt parks an event at its first failure") {
    given_a_listener({.attempts = 1, .first_ms = 100, .most_ms = 1000});
    given_failing("a");
    published("shop", "1:a 1:b");
    settled_for_good();
    CHECK(held() == 2);
    CHECK(parked() == 1);
    CHECK(ask("depot", "SELECT attempts FROM held WHERE parked") == 1);
}

TEST_CASE_FIXTURE(HeldFixture, "the next of a key may fail in its turn, with attempts of its own") {
    given_a_listener({.attempts = 4, .first_ms = 100, .most_ms = 100});
    given_failing("a", 3);
    given_failing("b", 3);
    published("shop", "1:a 1:b 1:c");
    settled_for_good();
    CHECK(effects() == "1:a 1:b 1:c");
    CHECK(held() == 0);
}

TEST_CASE_FIXTURE(
    HeldFixture, "held events are there after a restart, with their attempts and their time"
) {
    given_a_listener({.attempts = 3, .first_ms = 1000, .most_ms = 1000});
    given_failing("a");
    published("shop", "1:a 1:b");
    settled();
    for (const Crash kind : {Crash::process, Crash::power_loss}) {
        const int before = tried("a");
        crash(kind);
        settled();
        CHECK(held() == 2);
        CHECK(tried("a") == before);
        after(due_in_ms());
        CHECK(tried("a") == before + 1);
    }
    CHECK(parked() == 1);
    CHECK(effects().empty());
}

TEST_CASE_FIXTURE(HeldFixture, "a storage error while an event is retried uses up no attempt") {
    given_a_listener({.attempts = 3, .first_ms = 100, .most_ms = 100});
    given_failing("a", 2);
    published("shop", "1:a");
    settled();
    CHECK(held() == 1);
    in_handler = [](const std::string&, const std::string&) {
        throw storage::Error(10, "the disk is gone");
    };
    for (int i = 0; i < 20; ++i) {
        after(100);
    }
    CHECK(ask("depot", "SELECT attempts FROM held") == 1);
    CHECK(parked() == 0);
    in_handler = {};
    settled_for_good();
    CHECK(effects() == "1:a");
}

TEST_CASE_FIXTURE(HeldFixture, "many held keys are retried in several transactions, each once") {
    given_a_listener({.attempts = 10, .first_ms = 100, .most_ms = 100});
    std::string events;
    for (int i = 0; i < 200; ++i) {
        events += fmt::format("{}:e{} ", i, i);
        given_failing(fmt::format("e{}", i), 2);
    }
    published("shop", events);
    settled_for_good();
    CHECK(held() == 0);
    CHECK(words_in(effects()).size() == 200);
}

TEST_CASE_FIXTURE(
    HeldFixture, "an event of a type that nobody handles any more is parked, and said so"
) {
    given_a_listener({.attempts = 2, .first_ms = 100, .most_ms = 100});
    given_failing("a");
    published("shop", "1:a");
    settled();
    REQUIRE(held() == 1);
    module("depot").database->writer().connection().execute("UPDATE held SET type = 'Forgotten'");
    settled_for_good();
    CHECK(parked() == 1);
    CHECK(ask("depot", "SELECT error LIKE '%Forgotten%' FROM held") == 1);
}

TEST_CASE_FIXTURE(HeldFixture, "two listeners of one module hold their events apart") {
    given_listener({.module = "depot", .name = "other"});
    given_a_listener();
    in_handler = [](const std::string& name, const std::string& note) {
        if (name == "listener" && note == "a") {
            throw std::runtime_error("not now");
        }
    };
    published("shop", "1:a 1:b");
    settled();
    CHECK(BusFixture::effects("other") == "1:a 1:b");
    CHECK(effects().empty());
    CHECK(held() == 2);
    CHECK(BusFixture::held("other").held == 0);
    const storage::Reader reader = module("depot").database->read();
    CHECK(bus::HeldTable("listener").has(*reader, "order-1"));
    CHECK_FALSE(bus::HeldTable("other").has(*reader, "order-1"));
    CHECK_FALSE(bus::HeldTable("listener").has(*reader, "order-2"));
}

TEST_CASE_FIXTURE(HeldFixture, "a long error is cut off, whole characters are not required of it") {
    given_a_listener();
    in_handler = [](const std::string&, const std::string&) {
        throw std::runtime_error(std::string(5000, 'x'));
    };
    published("shop", "1:a");
    settled();
    CHECK(ask("depot", "SELECT length(error) FROM held") == 1000);
}

}  // namespace bookstore::test
