#include <doctest/doctest.h>
#include <sqlite3.h>

#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

struct RelayFixture : BusFixture {
    RelayFixture() {
        given_modules("shop depot");
        open();
    }
    std::int64_t rows_left(const std::string& name) {
        return ask(name, "SELECT count(*) FROM outbox");
    }
    void topic_executes(const std::string& sql) {
        topic->submit(
            {.durable = true,
             .run =
                 [sql](storage::Connection& db) {
                     db.execute(sql);
                     return true;
                 },
             .done = [](const storage::Outcome&) {}}
        );
        topic->work();
    }
    /// "shop1 shop2 depot1": the identities of what the topic holds.
    std::string identities() {
        std::string all;
        for (const bus::Envelope& event : topic_events()) {
            all +=
                fmt::format("{}{}{}", all.empty() ? "" : " ", event.source, event.source_position);
        }
        return all;
    }
};

std::string why_refused(const std::function<void()>& start) {
    try {
        start();
    } catch (const storage::Refused& refused) {
        return refused.what();
    }
    return "not refused";
}

}  // namespace

TEST_CASE_FIXTURE(RelayFixture, "an event in the topic is what was published, under its identity") {
    published("shop", "5:a");
    relayed();
    const auto events = topic_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].position == 1);
    CHECK(events[0].source == "shop");
    CHECK(events[0].source_position == 1);
    CHECK(events[0].key == "order-5");
    CHECK(events[0].type == "Noted");
    CHECK(events[0].time_ms == VirtualClock::start_ms);
    CHECK(events[0].trace == "trace-shop");
    CHECK(
        events[0].payload ==
        R"({"eventType":"Noted","timestamp":"20200910045035","orderId":5,"note":"a","me":true})"
    );
    CHECK(topic->end() == 1);
    CHECK(topic->relayed("shop") == 1);
    CHECK(topic->relayed("depot") == 0);
}

TEST_CASE_FIXTURE(
    RelayFixture, "what a transaction that was rolled back published is not relayed"
) {
    module("shop").database->writer().submit(
        {.durable = true,
         .run =
             [this](storage::Connection& db) {
                 bus::UnitOfWork(db, *module("shop").outbox, clock, {}).publish(Noted{1, "a"});
                 return false;
             },
         .done = [](const storage::Outcome&) {}}
    );
    published("shop", "1:b");
    relayed();
    CHECK(in_topic() == "1:b");
    CHECK(identities() == "shop1");
}

TEST_CASE_FIXTURE(
    RelayFixture, "positions go on after the outbox was emptied, and after a restart"
) {
    published("shop", "1:a 1:b");
    relayed();
    published("shop", "1:c");  // this transaction removes what was relayed
    CHECK(rows_left("shop") == 1);
    relayed();
    module("shop").database->writer().submit(
        {.durable = true,
         .run = [](storage::Connection&) { return true; },
         .done = [](const storage::Outcome&) {}}
    );
    step_writer("shop");
    CHECK(rows_left("shop") == 0);
    CHECK(module("shop").outbox->newest() == 3);
    CHECK(module("shop").outbox->depth() == 0);
    crash(Crash::power_loss);
    published("shop", "1:d");
    CHECK(module("shop").outbox->depth() == 1);
    relayed();
    CHECK(in_topic() == "1:a 1:b 1:c 1:d");
    CHECK(identities() == "shop1 shop2 shop3 shop4");
}

TEST_CASE_FIXTURE(
    RelayFixture, "each source's events keep their order, and what reacts stands behind its cause"
) {
    published("shop", "1:a");
    published("depot", "2:x 2:y");
    published("shop", "1:b");
    relayed();
    published("depot", "1:reaction");
    relayed();
    CHECK(in_topic() == "1:a 1:b 2:x 2:y 1:reaction");
    const auto events = topic_events();
    for (std::size_t i = 0; i < events.size(); ++i) {
        CHECK(events[i].position == static_cast<std::int64_t>(i) + 1);
    }
}

TEST_CASE_FIXTURE(RelayFixture, "a relay that has nothing to do says so and touches no file") {
    relayed();
    const int writes = vfs.writes();
    const int syncs = vfs.syncs();
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(relay->step());
    }
    CHECK(vfs.writes() == writes);
    CHECK(vfs.syncs() == syncs);
}

TEST_CASE_FIXTURE(RelayFixture, "a commit that published rings for the relay, another does not") {
    relayed();
    const int before = relay_rung;
    module("shop").database->writer().submit(
        {.durable = true,
         .run = [](storage::Connection&) { return true; },
         .done = [](const storage::Outcome&) {}}
    );
    step_writer("shop");
    CHECK(relay_rung == before);
    CHECK_FALSE(relay->step());
    published("shop", "1:a");
    CHECK(relay_rung == before + 1);
    CHECK(relay->step());
}

TEST_CASE_FIXTURE(
    RelayFixture, "what a failed commit left in the WAL is relayed when an opening finds it later"
) {
    auto kind = storage::Outcome::Kind::committed;
    {
        const storage::Reader reader = module("shop").database->read();
        REQUIRE(reader->query_integer("SELECT count(*) FROM outbox") == 0);
        vfs.fail({.operation = FileOperation::sync, .code = SQLITE_IOERR_FSYNC, .file = "shop"});
        submitted("shop", "1:a", [&kind](storage::Outcome::Kind told) { kind = told; });
        step_writer("shop");
        relayed();
    }
    CHECK(kind == storage::Outcome::Kind::unknown);
    REQUIRE(in_topic().empty());  // the reader held the index: nobody looked into the WAL
    vfs.fail({.code = SQLITE_IOERR_WRITE, .file = "shop", .times = 2});  // and the next opening
    module("shop").database->writer().submit(
        {.durable = true,
         .run =
             [](storage::Connection& db) {
                 db.execute(
                     "INSERT INTO effect(listener, key, note, position) VALUES ('x', '', '', 0)"
                 );
                 return true;
             },
         .done = [](const storage::Outcome&) {}}
    );
    step_writer("shop");
    REQUIRE_THROWS(ask("shop", "SELECT 1"));  // the last that held the index is gone
    REQUIRE_FALSE(relay->step());
    step_writer("shop");
    CHECK(rows_left("shop") == 1);
    relayed();
    CHECK(in_topic() == "1:a");
}

TEST_CASE_FIXTURE(
    RelayFixture, "a transaction removes a bounded number of what was relayed, the next the rest"
) {
    std::string events;
    for (int i = 0; i < 10'000; ++i) {
        events += fmt::format("1:{} ", i);
    }
    published("shop", events);
    relayed();
    published("shop", "1:next");
    CHECK(rows_left("shop") == 10'001 - 8192);
    published("shop", "1:last");
    CHECK(rows_left("shop") == 2);
    relayed();
    CHECK(topic->relayed("shop") == 10'002);
}

TEST_CASE_FIXTURE(RelayFixture, "more rows than one step takes are relayed in several, in order") {
    std::string events;
    for (int i = 0; i < 2500; ++i) {
        events += fmt::format("1:{} ", i);
    }
    published("shop", events);
    published("depot", "2:x");
    CHECK(relay->step());
    CHECK(topic->end() == 1025);
    CHECK(relay->step());
    CHECK(relay->step());
    CHECK_FALSE(relay->step());
    CHECK(topic->end() == 2501);
    CHECK(topic->relayed("shop") == 2500);
}

TEST_CASE_FIXTURE(
    RelayFixture, "after a crash between the topic's commit and the outbox's an event is there once"
) {
    for (const Crash kind : {Crash::process, Crash::power_loss, Crash::power_loss_torn}) {
        const std::string before = in_topic();
        published("shop", "1:a 1:b");
        CHECK(relay->step());
        CHECK(rows_left("shop") >= 2);
        crash(kind);
        relayed();
        published("shop", "1:c");
        relayed();
        CHECK(in_topic() == before + (before.empty() ? "" : " ") + "1:a 1:b 1:c");
    }
}

TEST_CASE_FIXTURE(
    RelayFixture,
    "an append of rows that are there already is passed over, and everyone is told to look"
) {
    published("shop", "1:a 1:b");
    auto rows = module("shop").outbox->read(0, 100);
    CHECK(rows.size() == 2);
    relayed();
    std::int64_t told = 0;
    const auto handle = topic->listen({"Nothing"}, [&told](std::int64_t at) { told = at; });
    topic->append(rows);
    CHECK(in_topic() == "1:a 1:b");
    CHECK(told == 2);
    CHECK(topic->relayed("shop") == 2);
}

TEST_CASE(
    "an append whose sync fails loses and doubles nothing, and listeners are told all the same"
) {
    // The append may be there after all (when the file was recovered) or not.
    for (int failures = 1; failures <= 4; ++failures) {
        for (const bool read_before : {false, true}) {
            CAPTURE(failures);
            CAPTURE(read_before);
            BusFixture bus;
            bus.given_modules("shop depot");
            bus.given_listener({.module = "depot", .name = "listener"});
            bus.open();
            if (!read_before) {  // no reader keeps the wal-index: it is recovered when opened again
                bus.crash(Crash::process);
            }
            bus.published("shop", "1:a 2:b");
            bus.vfs.fail(
                {.operation = FileOperation::sync,
                 .code = SQLITE_IOERR_FSYNC,
                 .file = "topic.db",
                 .times = failures}
            );
            CHECK(bus.relay->step());
            CHECK_FALSE(bus.relay->healthy());
            CHECK_FALSE(bus.relay->step());
            REQUIRE(bus.relay->due_in_ms());
            bus.published("shop", "1:c");
            for (int i = 0; i < 10; ++i) {
                bus.after(200);
            }
            CHECK(bus.relay->healthy());
            CHECK(bus.in_topic() == "1:a 2:b 1:c");
            CHECK(bus.effects("listener") == "1:a 2:b 1:c");
            bus.crash(Crash::power_loss);
            bus.settled();
            CHECK(bus.in_topic() == "1:a 2:b 1:c");
            CHECK(bus.effects("listener") == "1:a 2:b 1:c");
        }
    }
}

TEST_CASE_FIXTURE(
    RelayFixture,
    "a relay that cannot read an outbox leaves everything and tries again after a pause"
) {
    published("shop", "1:a");
    published("depot", "2:b");
    vfs.fail({.operation = FileOperation::read, .code = SQLITE_IOERR_READ, .file = "depot.db"});
    module("depot").database->read()->execute("PRAGMA cache_size = 0");
    for (int i = 0; i < 5; ++i) {
        relayed();
        clock.advance(200);
    }
    relayed();
    CHECK(in_topic().find("1:a") != std::string::npos);
    CHECK(in_topic().find("2:b") != std::string::npos);
    CHECK(topic->end() == 2);
}

TEST_CASE_FIXTURE(
    RelayFixture, "an outbox that cannot be read fails alone, and the events of the others flow"
) {
    relayed();
    published("depot", "2:b");
    vfs.fail(
        {.operation = FileOperation::read,
         .code = SQLITE_IOERR_READ,
         .file = "depot.db",
         .times = 1 << 20}
    );
    module("depot").database->read()->execute("PRAGMA cache_size = 0");
    for (int i = 0; i < 10; ++i) {
        published("shop", fmt::format("1:{}", i));
        relayed();
        CHECK(topic->relayed("shop") == i + 1);  // at once
        CHECK(relay->due_in_ms().value_or(-1) >= 0);
        clock.advance(200);
    }
    CHECK(relay->healthy());
    CHECK(relay->healthy("shop"));
    CHECK_FALSE(relay->healthy("depot"));
    CHECK(topic->relayed("depot") == 0);
    vfs.clear_failures();
    clock.advance(200);
    relayed();
    CHECK(relay->healthy("depot"));
    CHECK(topic->relayed("depot") == 1);
    CHECK_FALSE(relay->due_in_ms());
}

TEST_CASE_FIXTURE(
    RelayFixture, "rows that the topic refuses keep those of their own outbox back, and no others"
) {
    topic_executes(
        "CREATE TRIGGER refused BEFORE INSERT ON event WHEN new.source = 'depot' "
        "BEGIN SELECT raise(ABORT, 'not this one'); END"
    );
    published("shop", "1:a");
    published("depot", "2:b");
    relayed();
    CHECK(in_topic() == "1:a");
    CHECK(relay->healthy());
    CHECK_FALSE(relay->healthy("depot"));
    published("shop", "1:c");
    relayed();
    CHECK(in_topic() == "1:a 1:c");
    topic_executes("DROP TRIGGER refused");
    clock.advance(200);
    relayed();
    CHECK(in_topic() == "1:a 1:c 2:b");
    CHECK(relay->healthy("depot"));
}

TEST_CASE_FIXTURE(
    RelayFixture,
    "an event whose commit had an unknown outcome is relayed if it is there, without another one"
) {
    // The commit's sync and those after it fail; the WAL is recovered, the row is there.
    crash(Crash::process);
    relayed();
    std::string outcome;
    vfs.fail(
        {.operation = FileOperation::sync, .code = SQLITE_IOERR_FSYNC, .file = "shop.db", .times = 2
        }
    );
    submitted("shop", "1:a", [&](storage::Outcome::Kind kind) { outcome = word_of(kind); });
    step_writer("shop");
    CHECK(outcome == "unknown");
    vfs.clear_failures();
    CHECK(module("shop").database->writer().wants_opening());
    CHECK_THROWS_AS(rows_left("shop"), storage::Error);  // the last reader of before is gone
    CHECK_FALSE(step_writer("shop"));  // nothing waits, but the file is opened again
    CHECK_FALSE(module("shop").database->writer().wants_opening());
    const bool there = rows_left("shop") == 1;
    clock.advance(200);
    relayed();
    CHECK(there);
    CHECK(in_topic() == "1:a");
}

TEST_CASE_FIXTURE(
    RelayFixture, "an outbox that is older than the topic is refused, and the line says which file"
) {
    const auto old_shop = vfs.image();
    published("shop", "1:a 1:b");
    relayed();
    close();
    auto mixed = vfs.image();
    for (const auto& [name, content] : old_shop) {
        if (name.starts_with("shop.db")) {
            mixed[name] = content;
        }
    }
    MemoryVfs::Image only_files;
    for (const auto& [name, content] : mixed) {
        only_files[name] = content;
    }
    vfs.load(only_files);
    const std::string why = why_refused([this] { open(); });
    CHECK(why.find("different moments") != std::string::npos);
    CHECK(why.find("shop.db") != std::string::npos);
    CHECK(why.find("topic.db has event 2") != std::string::npos);
}

TEST_CASE_FIXTURE(RelayFixture, "a topic that is older than what an outbox gave to it is refused") {
    published("shop", "1:a");
    relayed();
    close();
    const auto old = vfs.image();
    open();
    published("shop", "1:b 1:c");
    relayed();
    published("shop", "1:d");  // with it, the rows of the two go
    close();
    auto mixed = vfs.image();
    mixed["topic.db"] = old.at("topic.db");
    vfs.load(mixed);
    const std::string why = why_refused([this] { open(); });
    CHECK_MESSAGE(why.find("different moments") != std::string::npos, why);
    CHECK_MESSAGE(why.find("shop.db gave its events up to 3 to the log") != std::string::npos, why);
    CHECK_MESSAGE(
        why.find("topic.db has them up to 1, so that 2 are in neither") != std::string::npos, why
    );
}

TEST_CASE_FIXTURE(RelayFixture, "an outbox that goes on behind a gap is not relayed") {
    published("shop", "1:a");
    relayed();
    published("shop", "1:b 1:c");
    module("shop").database->writer().connection().execute("DELETE FROM outbox WHERE position = 2");
    relayed();
    CHECK(in_topic() == "1:a");
    CHECK_FALSE(relay->healthy("shop"));
}

TEST_CASE_FIXTURE(
    RelayFixture, "every listener hears the position of the last event of its types"
) {
    std::int64_t noted = 0;
    std::int64_t all = 0;
    int ignored = 0;
    auto first = topic->listen({"Noted"}, [&](std::int64_t at) { noted = at; });
    const auto second = topic->listen({}, [&](std::int64_t at) { all = at; });
    const auto third = topic->listen({"Nothing"}, [&](std::int64_t) { ++ignored; });
    published("shop", "1:a 1:b");
    published<Ignored>("shop", "1:c");
    relayed();
    CHECK(noted == 2);
    CHECK(all == 3);
    CHECK(ignored == 0);
    first.reset();
    published("shop", "1:d");
    relayed();
    CHECK(noted == 2);
    CHECK(all == 4);
}

TEST_CASE_FIXTURE(
    RelayFixture, "a read of the topic is filtered and bounded, and says how far it looked"
) {
    published("shop", "1:a");
    published<Ignored>("shop", "1:i 1:j");
    published("shop", "1:b 1:c");
    published<Ignored>("shop", "1:k");
    relayed();
    const auto limited = topic->read(0, {"Noted"}, 2);
    CHECK(limited.events.size() == 2);
    CHECK(limited.scanned == 4);
    const auto rest = topic->read(4, {"Noted"}, 2);
    REQUIRE(rest.events.size() == 1);
    CHECK(rest.events[0]->position == 5);
    CHECK(rest.scanned == 6);
    const auto end = topic->read(6, {}, 2);
    CHECK(end.events.empty());
    CHECK(end.scanned == 6);
    CHECK(topic->read(0, {}, 100).events.size() == 6);
    CHECK(topic->read(0, {"Noted", "Ignored"}, 100).events.size() == 6);
    CHECK(topic->time_of_next_after(5) == VirtualClock::start_ms);
    CHECK(topic->time_of_next_after(6) == std::nullopt);
}

TEST_CASE_FIXTURE(RelayFixture, "a read that finds nothing looks at a bounded number of rows") {
    std::string events;
    for (int i = 0; i < 1000; ++i) {
        events += fmt::format("1:{} ", i);
    }
    for (int i = 0; i < 5; ++i) {
        published<Ignored>("shop", events);
    }
    published("shop", "1:a");
    relayed();
    const auto first = topic->read(0, {"Noted"}, 10);
    CHECK(first.events.empty());
    CHECK(first.scanned == 4096);
    const auto second = topic->read(first.scanned, {"Noted"}, 10);
    CHECK(second.events.size() == 1);
    CHECK(second.scanned == 5001);
}

}  // namespace bookstore::test
