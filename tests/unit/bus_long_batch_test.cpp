#include <doctest/doctest.h>
#include <sqlite3.h>

#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

constexpr std::size_t longest = 2048;
constexpr auto least =
    static_cast<std::int64_t>(bus::Delivery::at_once_though_others_wait);  // 1024

/// "shop" has published 2,500 events, of which the "depot" has handled none.
struct LongBatchFixture : BusFixture {
    LongBatchFixture() {
        given_modules("shop depot");
        given_listener(
            {.module = "depot",
             .name = "listener",
             .effect = bus::Effect::replayable,
             .limits = {.batch = longest}}
        );
        open();
        settled();
        std::string events;
        for (int i = 1; i <= 2500; ++i) {
            events += fmt::format("{}:{} ", i % 100, i);
        }
        published("shop", events);
        relayed();
    }
    bus::Subscription& listener() { return subscription("listener"); }
    std::int64_t cursor() { return stored_cursor("listener"); }
    /// Each event up to the cursor has its effect, once, and no other has one.
    bool effects_are_of_cursor() {
        return ask("depot", "SELECT count(DISTINCT position) FROM effect") == cursor() &&
               ask("depot", "SELECT count(*) FROM effect") == cursor() &&
               ask("depot", "SELECT coalesce(max(position), 0) FROM effect") == cursor();
    }
    void step() {
        CHECK(listener().step());
        CHECK(step_writer("depot"));
    }
};

}  // namespace

TEST_CASE_FIXTURE(LongBatchFixture, "a batch goes on as long as nobody else wants to write") {
    step();
    CHECK(cursor() == longest);
    CHECK(listener().position() == longest);
    CHECK(effects_are_of_cursor());
    step();
    CHECK(cursor() == 2500);
    CHECK(listener().lag() == 0);
    CHECK(effects_are_of_cursor());
    CHECK(listener().stats().events.value() == 2500);
}

TEST_CASE_FIXTURE(LongBatchFixture, "it ends soon for a write of the same transaction") {
    CHECK(listener().step());
    bool told = false;
    submitted("depot", "7:x", [&told](storage::Outcome::Kind) { told = true; });
    CHECK(step_writer("depot"));
    CHECK(told);
    CHECK(cursor() == least);
    CHECK(effects_are_of_cursor());
    step();
    CHECK(cursor() == 2500);
}

TEST_CASE_FIXTURE(LongBatchFixture, "it ends soon for a write that comes meanwhile") {
    for (const auto& [at, end] : {std::pair("300", least), std::pair("2200", std::int64_t{2304})}) {
        CAPTURE(at);
        bool told = false;
        in_handler = [&](const std::string&, const std::string& note) {
            if (note == at) {
                submitted("depot", "7:x", [&told](storage::Outcome::Kind) { told = true; });
            }
        };
        step();
        CHECK(cursor() == end);
        CHECK(effects_are_of_cursor());
        CHECK_FALSE(told);
        CHECK(step_writer("depot"));
        CHECK(told);
    }
    in_handler = nullptr;
    settled();
    CHECK(cursor() == 2502);  // with the two of the depot's own
    CHECK(effects_are_of_cursor());
}

TEST_CASE_FIXTURE(LongBatchFixture, "an event that fails far into it is held alone") {
    given_failing("700");
    settled();
    CHECK(cursor() == 2500);
    CHECK(held("listener").held == 19);  // and those of its key behind it
    CHECK(ask("depot", "SELECT count(*) FROM effect") == 2500 - 19);
    CHECK(attempts["listener 600"] <= 3);
    cured("700");
    settled_for_good();
    CHECK(held("listener").held == 0);
    CHECK(effects_are_of_cursor());
}

TEST_CASE_FIXTURE(LongBatchFixture, "run a second time it does everything once") {
    CHECK(listener().step());
    bool told = false;
    module("depot").database->writer().submit(
        {.durable = true,
         .run = [](storage::Connection& db) -> bool {
             db.execute("DELETE FROM effect");
             throw std::runtime_error("all are run again, with a savepoint each");
         },
         .done = [&told](const storage::Outcome&) { told = true; }}
    );
    CHECK(step_writer("depot"));
    CHECK(told);
    CHECK(attempts["listener 1000"] == 2);
    CHECK(cursor() == least);
    CHECK(effects_are_of_cursor());
    settled();
    CHECK(effects_are_of_cursor());
}

TEST_CASE_FIXTURE(
    LongBatchFixture, "a disk that is full in the middle of it leaves nothing of it"
) {
    for (const int writes_before : {0, 1, 20}) {
        CAPTURE(writes_before);
        vfs.fail(
            {.operation = FileOperation::write,
             .code = SQLITE_FULL,
             .file = "depot.db",
             .skip = writes_before}
        );
        CHECK(listener().step());
        CHECK(step_writer("depot"));
        CHECK(cursor() == 0);
        CHECK(effects_are_of_cursor());
        vfs.clear_failures();
        clock.advance(200);
    }
    settled_for_good();
    CHECK(cursor() == 2500);
    CHECK(effects_are_of_cursor());
    CHECK(held("listener").held == 0);
}

TEST_CASE_FIXTURE(LongBatchFixture, "a topic that cannot be read ends it, and costs nothing") {
    topic->idle();  // what it has in memory goes
    in_handler = [this](const std::string&, const std::string& note) {
        if (note == "200") {
            vfs.fail(
                {.operation = FileOperation::read,
                 .code = SQLITE_IOERR_READ,
                 .file = "topic.db",
                 .times = 1000}
            );
        }
    };
    step();
    CHECK(cursor() < static_cast<std::int64_t>(longest));
    CHECK(cursor() >= 256);
    CHECK(effects_are_of_cursor());
    CHECK(held("listener").held == 0);
    CHECK(module("depot").database->writer().healthy());
    CHECK_FALSE(listener().step());  // it rests after the storage error
    vfs.clear_failures();
    settled_for_good();
    CHECK(cursor() == 2500);
    CHECK(effects_are_of_cursor());
}

TEST_CASE_FIXTURE(LongBatchFixture, "it is synced when any of its events may publish") {
    int copied = 0;
    bus::Policies policies("both");
    policies
        .whenever<Noted>("note it", bus::Effect::replayable, [](const Noted&, bus::UnitOfWork&) {})
        .whenever<Copied>("count it", bus::Effect::durable, [&](const Copied&, bus::UnitOfWork&) {
            ++copied;
        });
    auto both = subscribed(std::move(policies), module("depot"));
    published<Copied>("shop", "1:c");
    relayed();
    both->start({.batch = longest * 2});
    const auto synced = [this] {
        return module("depot").database->writer().stats().synced.counts().count();
    };
    const auto before = synced();
    CHECK(both->step());
    CHECK(step_writer("depot"));
    CHECK(copied == 1);
    CHECK(synced() == before + 1);
    CHECK(listener().step());
    CHECK(step_writer("depot"));
    CHECK(synced() == before + 1);  // nothing of the listener's need be
}

}  // namespace bookstore::test
