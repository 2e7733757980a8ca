#include <doctest/doctest.h>
#include <sqlite3.h>

#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

/// "shop" publishes, the "depot" listens, under the name "listener".
struct SubscriptionFixture : BusFixture {
    SubscriptionFixture() { given_modules("shop depot"); }
    void given_a_listener(Listener listener = {}) {
        listener.module = "depot";
        listener.name = "listener";
        given_listener(std::move(listener));
        open();
    }
    bus::Subscription& listener() { return subscription("listener"); }
    std::string effects() { return BusFixture::effects("listener"); }
    std::int64_t cursor() { return stored_cursor("listener"); }
};

}  // namespace

TEST_CASE_FIXTURE(
    SubscriptionFixture, "every event of its types is handled once, in order, and no other"
) {
    given_a_listener();
    published("shop", "1:a 2:b");
    published<Ignored>("shop", "1:i");
    published("shop", "1:c");
    settled();
    CHECK(effects() == "1:a 2:b 1:c");
    CHECK(cursor() == 4);
    CHECK(listener().position() == 4);
    CHECK(listener().idle());
    published("shop", "3:d");
    CHECK(module_rung == 1);
    settled();
    CHECK(module_rung == 2);
    CHECK(effects() == "1:a 2:b 1:c 3:d");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture, "a handler sees the cause, its trace goes on into what it publishes"
) {
    given_a_listener({.republishes = true});
    published("shop", "5:a");
    settled();
    const auto events = topic_events();
    REQUIRE(events.size() == 2);
    CHECK(events[1].type == "Copied");
    CHECK(events[1].source == "depot");
    CHECK(events[1].trace == "trace-shop");
    CHECK(events[1].key == "order-5");
}

TEST_CASE_FIXTURE(SubscriptionFixture, "effect, cursor and outbox are one transaction") {
    given_a_listener({.republishes = true});
    settled();
    published("shop", "1:a 2:b");
    relayed();
    CHECK(listener().step());
    CHECK_FALSE(listener().step());  // in flight
    CHECK_FALSE(listener().idle());
    const auto outbox_rows = [this] { return ask("depot", "SELECT count(*) FROM outbox"); };
    CHECK(effects().empty());
    vfs.fail({.operation = FileOperation::write, .code = SQLITE_FULL, .file = "depot.db"});
    CHECK(step_writer("depot"));
    CHECK(effects().empty());
    CHECK(cursor() == 0);
    CHECK(outbox_rows() == 0);
    CHECK_FALSE(listener().step());  // it rests after a storage error
    clock.advance(200);
    CHECK(listener().step());
    CHECK(step_writer("depot"));
    CHECK(effects() == "1:a 2:b");
    CHECK(cursor() == 2);
    CHECK(outbox_rows() == 2);
    CHECK(held("listener").held == 0);
}

TEST_CASE_FIXTURE(SubscriptionFixture, "a batch is bounded, a backlog is handled in several") {
    given_a_listener();
    settled();
    std::string events;
    for (int i = 0; i < 600; ++i) {
        events += fmt::format("{}:e ", i);
    }
    published("shop", events);
    relayed();
    for (const std::int64_t handled : {256, 512, 600}) {
        CHECK(listener().step());
        CHECK(step_writer("depot"));
        CHECK(cursor() == handled);
    }
    CHECK(listener().lag() == 0);
    CHECK_FALSE(listener().step());
}

TEST_CASE_FIXTURE(SubscriptionFixture, "a new subscription handles what was published before it") {
    open();
    published("shop", "1:a");
    relayed();
    close();
    given_a_listener();
    settled();
    CHECK(effects() == "1:a");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture, "a subscription goes on where it was, after a restart and after crashes"
) {
    given_a_listener();
    published("shop", "1:a");
    settled();
    close();
    open();
    settled();
    CHECK(effects() == "1:a");
    published("shop", "1:b");
    settled();
    crash(Crash::process);
    settled();
    crash(Crash::power_loss);
    settled();
    CHECK(effects() == "1:a 1:b");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture,
    "effects that can be replayed are not synced, and are made again after a power loss"
) {
    given_a_listener({.effect = bus::Effect::replayable});
    settled();
    published("shop", "1:a 1:b");
    relayed();
    const int syncs = vfs.syncs("depot.db");
    settled();
    CHECK(effects() == "1:a 1:b");
    CHECK(vfs.syncs("depot.db") == syncs);
    crash(Crash::power_loss);
    CHECK(effects().empty());
    CHECK(cursor() == 0);
    settled();
    CHECK(effects() == "1:a 1:b");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture,
    "a cursor that passed foreign events alone is written at most once a second, unsynced"
) {
    given_a_listener();
    settled();
    const int syncs = vfs.syncs("depot.db");
    for (int i = 0; i < 20; ++i) {
        published<Ignored>("shop", "1:i");
        // nobody rings, it looks as another module's work wakes the thread
        after(100);
        listener().reload();
        settled();
    }
    CHECK(listener().position() == 20);
    CHECK(listener().idle());
    CHECK(cursor() > 0);
    const int writes = vfs.writes("depot.db");
    published<Ignored>("shop", "1:i");
    relayed();
    listener().reload();
    settled();
    after(10);
    CHECK(vfs.writes("depot.db") == writes);
    after(1000);
    CHECK(cursor() == 21);
    CHECK(vfs.syncs("depot.db") == syncs);
}

TEST_CASE_FIXTURE(SubscriptionFixture, "foreign events cost no more than one write a second") {
    given_a_listener();
    published("shop", "1:a");
    settled();
    int written = 0;
    std::int64_t before = cursor();
    for (int i = 0; i < 50; ++i) {
        published<Ignored>("shop", "1:i");
        published("depot", "9:own");  // it is of our types: the cursor is written with it
        published<Ignored>("shop", "1:i");
        after(20);
        written += cursor() > before ? 1 : 0;
        before = cursor();
    }
    CHECK(written >= 49);
    CHECK(effects().ends_with("9:own"));
}

TEST_CASE_FIXTURE(
    SubscriptionFixture, "a cursor that moved over foreign events is written at a stop"
) {
    given_a_listener();
    published("shop", "1:a");
    published<Ignored>("shop", "1:i 1:j");
    settled();
    crash(Crash::process);  // it looks at the topic again, from its cursor on
    settled();
    published<Ignored>("shop", "1:k");
    relayed();
    listener().reload();
    settled();
    CHECK(listener().position() == 4);
    listener().save_cursor();
    step_writer("depot");
    CHECK(cursor() == 4);
    listener().save_cursor();
    CHECK_FALSE(step_writer("depot"));
}

TEST_CASE_FIXTURE(
    SubscriptionFixture, "a cursor beyond the topic's end is refused, and the line says which file"
) {
    given_a_listener();
    const auto old_topic = vfs.image();
    published("shop", "1:a 1:b");
    settled();
    close();
    auto mixed = vfs.image();
    mixed.erase("topic.db-wal");
    mixed["topic.db"] = old_topic.at("topic.db");
    // The outboxes go along with the old topic, so that it is the cursor alone that is ahead.
    mixed["shop.db"] = old_topic.at("shop.db");
    for (const std::string file : {"topic.db-wal", "shop.db-wal"}) {
        if (old_topic.contains(file)) {
            mixed[file] = old_topic.at(file);
        }
    }
    vfs.load(mixed);
    try {
        open();
        FAIL("the cursor stands beyond the end");
    } catch (const storage::Refused& refused) {
        const std::string why = refused.what();
        CHECK(why.find("depot.db") != std::string::npos);
        CHECK(why.find("up to 2") != std::string::npos);
        CHECK(why.find("listener") != std::string::npos);
        CHECK(why.find("ends at 0") != std::string::npos);
    }
}

TEST_CASE_FIXTURE(
    SubscriptionFixture, "a storage error of a handler holds nothing, the batch is repeated"
) {
    given_a_listener();
    settled();
    published("shop", "1:a 1:b 1:c");
    int failures = 3;
    in_handler = [&](const std::string&, const std::string& note) {
        if (note == "b" && failures > 0) {
            --failures;
            throw storage::Error(SQLITE_IOERR, "the disk is gone");
        }
    };
    settled();
    CHECK(effects().empty());
    CHECK(held("listener").held == 0);
    for (int i = 0; i < 5; ++i) {
        after(200);
    }
    CHECK(effects() == "1:a 1:b 1:c");
    CHECK(held("listener").held == 0);
}

TEST_CASE_FIXTURE(SubscriptionFixture, "a broken constraint is the event's fault, and it is held") {
    given_a_listener();
    in_handler = [&](const std::string&, const std::string& note) {
        if (note == "b") {
            module("depot").database->writer().connection().prepare(insert_nonsense).run();
        }
    };
    published("shop", "1:a 2:b 3:c");
    settled();
    CHECK(effects() == "1:a 3:c");
    CHECK(held("listener").held == 1);
}

TEST_CASE_FIXTURE(
    SubscriptionFixture,
    "an unknown outcome of a batch is looked up in the file before it is repeated"
) {
    given_a_listener({.republishes = true});
    settled();
    for (int failures = 1; failures <= 3; ++failures) {
        crash(Crash::process);  // no reader: the file is recovered when it is opened again
        settled();
        published("shop", fmt::format("1:{}", failures));
        relayed();
        vfs.fail(
            {.operation = FileOperation::sync,
             .code = SQLITE_IOERR_FSYNC,
             .file = "depot.db",
             .times = failures}
        );
        for (int i = 0; i < 10; ++i) {
            after(200);
        }
        vfs.clear_failures();
        settled();
    }
    CHECK(effects() == "1:1 1:2 1:3");
    CHECK(in_topic("Copied") == "1:1 1:2 1:3");
}

TEST_CASE_FIXTURE(SubscriptionFixture, "a reader that fails after a commit loses no one's answer") {
    // What a subscription looks up after its batch may fail; the other jobs of the commit are told.
    given_a_listener();
    given_failing("a");
    published("shop", "1:a");
    settled();
    CHECK(held("listener").held == 1);
    published("shop", "2:b 3:c");
    relayed();
    CHECK(listener().step());
    bool told = false;
    submitted("depot", "7:x", [&told](storage::Outcome::Kind) { told = true; });
    module("depot").database->writer().after_commit([this] {
        vfs.fail(
            {.operation = FileOperation::read,
             .code = SQLITE_IOERR_READ,
             .file = "depot.db",
             .times = 100}
        );
        module("depot").database->read()->execute("PRAGMA shrink_memory");
    });
    CHECK_NOTHROW(step_writer("depot"));
    CHECK(told);
    module("depot").database->writer().after_commit([] {});
    vfs.clear_failures();
    cured("a");
    settled_for_good();
    CHECK(effects() == "2:b 3:c 1:a");
}

TEST_CASE_FIXTURE(SubscriptionFixture, "the wall clock set back does not stop a subscription") {
    given_a_listener();
    settled();
    published("shop", "1:a");
    relayed();
    vfs.fail({.operation = FileOperation::write, .code = SQLITE_FULL, .file = "depot.db"});
    settled();
    clock.set_wall_clock(VirtualClock::start_ms - 3'600'000);
    after(1000);
    CHECK(effects() == "1:a");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture,
    "a rebuild's subscription takes the place of the live one, with cursor and held events"
) {
    const Listener spec{.module = "depot", .name = "listener"};
    given_a_listener();
    given_failing("b");
    published("shop", "1:a 2:b 3:c");
    settled();
    CHECK(held("listener").held == 1);
    auto second = made(spec, "listener.rebuild");
    module("depot").subscriptions.push_back(std::move(second));
    bus::Subscription& rebuild = subscription("listener.rebuild");
    rebuild.start();
    published("shop", "1:d");
    settled();
    module("depot").database->writer().submit(
        {.durable = true,
         .run =
             [&](storage::Connection& db) {
                 listener().replace_by(db, rebuild);
                 return true;
             },
         .done = [&](const storage::Outcome&) { listener().reload(); }}
    );
    CHECK(step_writer("depot"));
    module("depot").subscriptions.pop_back();
    CHECK(ask("depot", "SELECT count(*) FROM subscription") == 1);
    CHECK(cursor() == 4);
    CHECK(held("listener").held == 1);
    CHECK(ask("depot", "SELECT count(*) FROM held WHERE subscription <> 'listener'") == 0);
    published("shop", "2:e 5:f");
    settled();
    CHECK(held("listener").held == 2);
    cured("b");
    settled_for_good();
    CHECK(effects() == "1:a 3:c 1:d 5:f 2:b 2:e");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture,
    "a rebuild of an empty log, or of foreign events alone, can take its place too"
) {
    const Listener spec{.module = "depot", .name = "listener"};
    given_a_listener();
    settled();
    auto second = made(spec, "listener.rebuild");
    second->start();
    storage::Outcome told;
    module("depot").database->writer().submit(
        {.durable = true,
         .run =
             [&](storage::Connection& db) {
                 listener().replace_by(db, *second);
                 return true;
             },
         .done = [&](const storage::Outcome& outcome) { told = outcome; }}
    );
    CHECK(step_writer("depot"));
    CHECK(what_of(told).empty());
    listener().reload();
    published("shop", "1:a");
    settled();
    CHECK(effects() == "1:a");
}

TEST_CASE_FIXTURE(
    SubscriptionFixture, "a batch in flight while the cursor is replaced is not counted twice"
) {
    const Listener spec{.module = "depot", .name = "listener"};
    given_a_listener();
    published("shop", "1:a");
    settled();
    auto second = made(spec, "listener.rebuild");
    second->start();
    while (second->step() || step_writer("depot")) {
    }
    published("shop", "1:b");
    relayed();
    while (second->step() || step_writer("depot")) {
    }
    CHECK(BusFixture::effects("listener").find("1:b") == std::string::npos);
    module("depot").database->writer().submit(
        {.durable = true,
         .run =
             [&](storage::Connection& db) {
                 listener().replace_by(db, *second);
                 return true;
             },
         .done = [&](const storage::Outcome&) { listener().reload(); }}
    );
    CHECK(listener().step());  // behind the replacement, in the same commit
    CHECK(step_writer("depot"));
    second.reset();
    settled();
    CHECK(cursor() == 2);
    CHECK(attempts["listener b"] == 0);
    CHECK(attempts["listener.rebuild b"] == 1);
}

TEST_CASE_FIXTURE(SubscriptionFixture, "a cleared subscription starts at the beginning again") {
    given_a_listener();
    given_failing("b");
    published("shop", "1:a 2:b");
    settled();
    module("depot").database->writer().submit(
        {.durable = true,
         .run =
             [this](storage::Connection& db) {
                 listener().clear(db);
                 db.execute("DELETE FROM effect");
                 return true;
             },
         .done = [this](const storage::Outcome&) { listener().reload(); }}
    );
    step_writer("depot");
    CHECK(held("listener").held == 0);
    cured("b");
    settled();
    CHECK(effects() == "1:a 2:b");
}

TEST_CASE_FIXTURE(SubscriptionFixture, "a payload that is no such event is held, and said so") {
    given_a_listener();
    module("shop").database->writer().submit(
        {.durable = true,
         .run =
             [this](storage::Connection& db) {
                 module("shop").outbox->append(db, "order-1", "Noted", 0, "", R"({"orderId":"x"})");
                 return true;
             },
         .done = [](const storage::Outcome&) {}}
    );
    step_writer("shop");
    published("shop", "2:b");
    settled();
    CHECK(effects() == "2:b");
    CHECK(held("listener").held == 1);
    const storage::Reader reader = module("depot").database->read();
    const auto why = reader->query_text("SELECT error FROM held");
    CHECK(why.value_or("").find("orderId") != std::string::npos);
}

}  // namespace bookstore::test
