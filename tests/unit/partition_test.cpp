#include "support/partition.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "bus/row_id.hpp"
#include "support/bus_fixture.hpp"
#include "support/seeds.hpp"

// Contexts in several processes, whose topics are mirrors of one partition.

namespace bookstore::test {
namespace {

/// shop writes in process a, what it publishes is copied by depot in process b, and both note what
/// they hear.
struct Processes {
    VirtualClock clock;
    Partition partition{clock};
    std::unique_ptr<BusFixture> a = shop();
    std::unique_ptr<BusFixture> b = depot();

    explicit Processes(bool opened = true) {
        if (opened) {
            a->open();
            b->open();
        }
    }
    std::unique_ptr<BusFixture> shop(std::uint64_t seed = 1) {
        auto process = std::make_unique<BusFixture>(seed);
        process->given_partition(partition);
        process->given_modules("shop");
        process->given_listener({.module = "shop", .name = "ledger", .types = "Copied"});
        return process;
    }
    std::unique_ptr<BusFixture> depot() {
        auto process = std::make_unique<BusFixture>(2);
        process->given_partition(partition);
        process->given_modules("depot");
        process->given_listener({.module = "depot", .name = "copier", .republishes = true});
        return process;
    }
    /// Until nothing is under way and nobody has anything to do.
    void settle() { settle({a.get(), b.get()}); }
    void settle(const std::vector<BusFixture*>& processes) {
        for (int round = 0; round < 1'000; ++round) {
            partition.take_all();
            bool did = false;
            for (BusFixture* const process : processes) {
                if (process->relay) {
                    did = process->step_all() || did;
                }
            }
            if (!did && (partition.under_way() == 0 || partition.is_away())) {
                return;
            }
        }
        FAIL("it never comes to rest");
    }
    /// Rows go, and what is overdue is sent again.
    void settle_after(std::int64_t ms) {
        settle();
        a->clock.advance(ms);
        b->clock.advance(ms);
        settle();
    }
    /// The file of that module is what it was then; its process is closed.
    static void restore(
        BusFixture& process, const MemoryVfs::Image& image, const std::string& name
    ) {
        for (const char* tail : {"", "-wal", "-shm"}) {
            process.vfs.put_back(image, fmt::format("{}.db{}", name, tail));
        }
    }
};

std::string why_closed(BusFixture& process, const std::string& module) {
    return process.module(module).gate.reason();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A record that a process has sent, with another content.
bus::Record altered(const Partition& partition, std::size_t offset, const std::string& payload) {
    bus::Record record = *partition.at(offset).record;
    record.event.payload = payload;
    record.id = bus::row_id(record.event);
    return record;
}

}  // namespace

TEST_CASE("all processes have the same events at the same positions, and handle each once") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle();
    CHECK(shop.a->in_topic() == "1:a 2:b 1:a 2:b");
    CHECK(shop.b->in_topic() == shop.a->in_topic());
    CHECK(shop.b->effects("copier") == "1:a 2:b");
    CHECK(shop.a->effects("ledger") == "1:a 2:b");
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(shop.a->topic_events()[i].source == shop.b->topic_events()[i].source);
        CHECK(
            shop.a->mirror->hash_at(static_cast<std::int64_t>(i) + 1) ==
            shop.b->mirror->hash_at(static_cast<std::int64_t>(i) + 1)
        );
    }
}

TEST_CASE("what crosses is the event as it was, its id and its predecessor's, and what was seen") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle();
    shop.a->published("shop", "2:b");
    shop.settle();
    const bus::Record& first = *shop.partition.at(0).record;
    CHECK(first.event.source == "shop");
    CHECK(first.event.source_position == 1);
    CHECK(first.event.key == "order-1");
    CHECK(first.event.type == "Noted");
    CHECK(first.event.trace == "trace-shop");
    CHECK(first.event.payload == shop.a->topic_events()[0].payload);
    CHECK(first.id == bus::row_id(first.event));
    CHECK(first.previous.empty());
    CHECK(first.seen == bus::View{});
    const bus::Record& third = *shop.partition.at(2).record;
    CHECK(third.event.source_position == 2);
    CHECK(third.previous == first.id);
    CHECK(third.seen == bus::View{2, *shop.a->mirror->hash_at(2)});
}

TEST_CASE("whatever the partition does with what is sent, each event is taken once and in order") {
    for (std::uint64_t seed = 1; seed <= seeds(200); ++seed) {
        CAPTURE(seed);
        SeededRandom random(seed);
        Processes shop;
        std::string expected;
        for (int round = 0; round < 60; ++round) {
            switch (random.below(8)) {
                case 0:
                case 1: {
                    const std::string event = fmt::format("{}:x", round + 1);
                    shop.a->published("shop", event);
                    expected += (expected.empty() ? "" : " ") + event;
                    break;
                }
                case 2:
                    shop.a->step_all();
                    break;
                case 3:
                    shop.b->step_all();
                    break;
                case 4:
                    shop.partition.fail_sending();
                    break;
                case 5:
                    if (random.one_in(3)) {
                        (random.one_in(2) ? shop.a : shop.b)->crash(Crash::power_loss);
                    }
                    break;
                default:
                    if (shop.partition.under_way() > 0) {
                        const auto which = static_cast<std::size_t>(
                            random.below(static_cast<std::int64_t>(shop.partition.under_way()))
                        );
                        if (random.one_in(5)) {
                            shop.partition.lose(which);
                        } else {
                            shop.partition.take(which, random.one_in(4));
                        }
                    }
            }
        }
        for (int i = 0; i < 6; ++i) {
            shop.settle_after(11'000);
        }
        REQUIRE(shop.a->in_topic("Noted") == expected);
        REQUIRE(shop.b->in_topic() == shop.a->in_topic());
        REQUIRE(shop.b->effects("copier") == expected);
        REQUIRE(shop.a->effects("ledger") == expected);
    }
}

TEST_CASE("what came too early, and what was there already, is dropped and counted as that") {
    Processes shop;
    shop.a->settled();
    shop.a->published("shop", "1:a 2:b");
    shop.a->settled();
    REQUIRE(shop.partition.under_way() == 2);
    shop.partition.take(1, true);
    shop.partition.take(0);
    shop.a->settled();
    const bus::MirrorStats& stats = shop.a->mirror->stats();
    CHECK(stats.early.value() == 1);
    CHECK(stats.accepted.value() == 1);
    CHECK(stats.doubled.value() == 0);
    shop.settle();
    CHECK(shop.a->in_topic("Noted") == "1:a 2:b");
    shop.partition.add(shop.partition.at(1).record);
    shop.settle();
    CHECK(stats.doubled.value() == 1);
    CHECK(stats.forked.value() == 0);
    CHECK(shop.a->in_topic("Noted") == "1:a 2:b");
}

TEST_CASE("rows go when the synced mirror has them, but for the newest") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b 3:c");
    shop.settle();
    shop.a->published("shop", "4:d");
    CHECK(shop.a->ask("shop", "SELECT count(*) FROM outbox") == 4);
    shop.settle_after(1'000);
    shop.a->published("shop", "5:e");
    CHECK(shop.a->ask("shop", "SELECT min(position) FROM outbox") == 4);
    shop.settle_after(1'000);
    CHECK(shop.a->in_topic("Noted") == "1:a 2:b 3:c 4:d 5:e");
    CHECK(shop.partition.noted() == static_cast<std::int64_t>(shop.partition.size()));
}

TEST_CASE("nothing is written before the end of the partition was seen") {
    Processes shop;
    shop.partition.away(true);
    shop.a->crash(Crash::process);
    CHECK(shop.a->module("shop").gate.state() == bus::Gate::State::waiting);
    shop.a->step_all();
    CHECK(shop.a->module("shop").gate.state() == bus::Gate::State::waiting);
    CHECK(contains(why_closed(*shop.a, "shop"), "is being read"));
    shop.partition.away(false);
    shop.settle();
    CHECK(shop.a->module("shop").gate.is_open());
}

TEST_CASE("while the broker is away events wait, and all arrives when it is back") {
    Processes shop;
    shop.settle();
    shop.partition.away(true);
    shop.a->published("shop", "1:a 2:b");
    shop.settle({shop.a.get()});
    CHECK(shop.a->module("shop").gate.is_open());
    CHECK(shop.a->relay->healthy());
    CHECK(shop.a->in_topic().empty());
    shop.a->after(60'000);
    CHECK(shop.a->relay->waiting_since_ms() == std::nullopt);  // it is no load
    CHECK(shop.a->relay->backlog_state("shop") == bus::BacklogState::working);
    shop.partition.away(false);
    shop.settle_after(11'000);
    CHECK(shop.b->in_topic() == "1:a 2:b 1:a 2:b");
    CHECK(shop.a->effects("ledger") == "1:a 2:b");
}

TEST_CASE("a mirror that lost its unsynced tail reads it again, and nothing is handled twice") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle();
    REQUIRE(shop.b->effects("copier") == "1:a 2:b");
    shop.b->crash(Crash::power_loss);
    shop.settle_after(1'000);
    CHECK(shop.b->effects("copier") == "1:a 2:b");
    CHECK(shop.b->in_topic() == "1:a 2:b 1:a 2:b");
    CHECK(shop.a->in_topic() == shop.b->in_topic());
}

TEST_CASE("a topic.db that was deleted is read again from the partition") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle_after(1'000);
    shop.a->close();
    Processes::restore(*shop.a, {}, "topic");
    shop.a->open();
    CHECK(!shop.a->module("shop").gate.is_open());
    shop.a->published("shop", "3:c");  // nobody sends it before the mark is known
    shop.settle_after(1'000);
    CHECK(shop.a->in_topic("Noted") == "1:a 2:b 3:c");
    CHECK(shop.a->effects("ledger") == "1:a 2:b 3:c");
    CHECK(shop.b->effects("copier") == "1:a 2:b 3:c");
}

TEST_CASE("a new leader that does not show the newest records at first has not lost them") {
    Processes shop;
    shop.a->short_for_ms = 60'000;
    shop.a->crash(Crash::process);
    shop.settle();
    shop.a->published("shop", "1:a 2:b");
    shop.settle();
    const auto end = shop.a->in_topic();
    shop.partition.hide(2);
    shop.settle({shop.a.get()});
    for (int second = 0; second < 59; ++second) {
        shop.a->clock.advance(1'000);
        shop.settle({shop.a.get()});
    }
    CHECK(shop.a->mirror->refusal() == "");
    CHECK(!shop.a->mirror->at_end());
    shop.a->published("shop", "3:c");  // nothing is sent before it is known what stands there
    shop.settle({shop.a.get()});
    CHECK(shop.a->in_topic() == end);
    shop.partition.show();
    shop.a->clock.advance(1'000);
    shop.settle({shop.a.get()});
    CHECK(shop.a->mirror->at_end());
    CHECK(shop.a->in_topic("Noted") == "1:a 2:b 3:c");
    CHECK(shop.a->mirror->stats().doubled.value() == 0);

    // It ends before the last record for good.
    shop.partition.hide(1);
    shop.settle({shop.a.get()});
    shop.a->clock.advance(59'000);
    shop.settle({shop.a.get()});
    CHECK(shop.a->mirror->refusal() == "");
    shop.a->clock.advance(1'000);
    shop.settle({shop.a.get()});
    CHECK(contains(shop.a->mirror->refusal(), "the broker lost it"));
}

TEST_CASE("a broker that lost its tail is refused by all who had read it") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle();
    shop.partition.keep(3);
    shop.settle();
    for (BusFixture* const process : {shop.a.get(), shop.b.get()}) {
        CHECK(!process->relay->healthy());
        CHECK(contains(process->relay->fault(), "topic.db and the Kafka topic shop contradict"));
        CHECK(contains(process->relay->fault(), "the broker lost it"));
        CHECK(process->due_in_ms() == std::nullopt);
    }
    CHECK(shop.a->module("shop").gate.refuses());
    CHECK(shop.a->in_topic() == "1:a 2:b 1:a 2:b");
    shop.a->crash(Crash::process);
    shop.settle();
    CHECK(shop.a->module("shop").gate.refuses());
}

TEST_CASE("who had not read what the broker lost is told by the next record of who had") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle();
    shop.a->published("shop", "2:b");
    shop.a->settled();
    shop.partition.take_all();
    shop.a->settled();  // b has not read it
    REQUIRE(shop.a->in_topic() == "1:a 1:a 2:b");
    bus::Record next = altered(shop.partition, 2, "{}");
    next.event.source_position = 3;
    next.previous = shop.partition.at(2).record->id;
    next.seen = shop.a->mirror->view();
    shop.partition.keep(2);
    shop.partition.add(next);
    shop.settle({shop.b.get()});
    CHECK(contains(shop.b->relay->fault(), "had seen 3 events of it"));
    CHECK(shop.b->in_topic() == "1:a 1:a");
}

TEST_CASE("a topic that was made anew is refused, also where the same records stand there") {
    for (const bool same_records : {false, true}) {
        CAPTURE(same_records);
        Processes shop;
        shop.a->published("shop", "1:a");
        shop.settle();
        shop.clock.advance(5);
        shop.partition.make_anew(same_records);
        shop.settle();
        CHECK(contains(shop.a->relay->fault(), "made anew"));
        CHECK(contains(shop.b->relay->fault(), "made anew"));
    }
}

TEST_CASE("a partition whose beginning was removed is refused by who has not read it") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle();
    shop.partition.forget_before(2);
    shop.a->close();
    Processes::restore(*shop.a, {}, "topic");
    shop.a->open();
    shop.settle();
    CHECK(contains(shop.a->relay->fault(), "does not have any more"));
    CHECK(shop.b->relay->healthy());
}

TEST_CASE("a restored file that publishes at used positions is refused, and the others go on") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle_after(1'000);
    shop.a->close();
    const auto before = shop.a->vfs.image();
    shop.a->open();
    shop.settle();
    shop.a->published("shop", "2:b");
    shop.settle_after(1'000);
    shop.a->close();
    Processes::restore(*shop.a, before, "shop");
    shop.a->open();
    shop.settle();
    CHECK(shop.a->module("shop").gate.refuses());
    CHECK(contains(why_closed(*shop.a, "shop"), "the topic has event 2 of it"));
    CHECK(contains(why_closed(*shop.a, "shop"), "shop.db and the Kafka topic shop contradict"));
    CHECK(!shop.a->relay->healthy("shop"));
    CHECK(shop.a->relay->healthy());
    CHECK(shop.b->effects("copier") == "1:a 2:b");
}

TEST_CASE("a restored file with another row at a position of the topic is refused") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle_after(1'000);
    shop.a->close();
    const auto before = shop.a->vfs.image();
    shop.a->open();
    shop.settle();
    shop.a->published("shop", "2:b");
    shop.settle_after(1'000);
    const std::size_t records = shop.partition.size();
    shop.a->close();
    Processes::restore(*shop.a, before, "shop");
    Processes::restore(*shop.a, before, "topic");
    shop.partition.away(true);  // so it does not know yet
    shop.a->open();
    shop.a->published("shop", "3:c");
    shop.partition.away(false);
    shop.settle_after(1'000);
    CHECK(contains(why_closed(*shop.a, "shop"), "that it did not publish"));
    CHECK(shop.partition.size() == records);  // it sent nothing
    CHECK(shop.b->in_topic("Noted") == "1:a 2:b");
}

TEST_CASE("of two copies of a file one goes on, the other is refused, and third parties see one") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle_after(1'000);
    shop.a->close();
    const auto image = shop.a->vfs.image();
    auto copy = shop.shop(3);
    copy->vfs.load(image);
    shop.a->open();
    copy->open();
    shop.settle({shop.a.get(), shop.b.get(), copy.get()});
    shop.a->published("shop", "2:b");
    copy->published("shop", "2:other 3:another");
    shop.settle({shop.a.get(), shop.b.get(), copy.get()});
    CHECK(shop.a->module("shop").gate.is_open() != copy->module("shop").gate.is_open());
    BusFixture& winner = shop.a->module("shop").gate.is_open() ? *shop.a : *copy;
    winner.published("shop", "4:d");
    shop.settle({shop.a.get(), shop.b.get(), copy.get()});
    const std::string noted = shop.b->in_topic("Noted");
    CHECK((noted == "1:a 2:b 4:d" || noted == "1:a 2:other 3:another 4:d"));
    CHECK(shop.b->effects("copier") == noted);
}

TEST_CASE("a cursor that was moved over another log is refused") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle_after(1'000);
    shop.b->module("depot").database->writer().commit_now({
        .durable = true,
        .run =
            [](storage::Connection& db) {
                db.execute("UPDATE subscription SET hash = 'of another log'");
                return true;
            },
        .done = {},
    });
    shop.b->crash(Crash::process);
    shop.settle();
    CHECK(contains(why_closed(*shop.b, "depot"), "subscription copier has handled"));
    CHECK(shop.a->module("shop").gate.is_open());
}

TEST_CASE("a cursor beyond the end of the partition is refused when that is known") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b");
    shop.settle_after(1'000);
    shop.b->module("depot").database->writer().commit_now({
        .durable = true,
        .run =
            [](storage::Connection& db) {
                db.execute("UPDATE subscription SET position = 9, hash = NULL");
                return true;
            },
        .done = {},
    });
    shop.partition.away(true);
    shop.b->crash(Crash::process);
    shop.b->step_all();
    CHECK(shop.b->module("depot").gate.state() == bus::Gate::State::waiting);
    shop.partition.away(false);
    shop.settle();
    CHECK(contains(why_closed(*shop.b, "depot"), "up to 9, and the topic ends at 4"));
}

TEST_CASE("a record that is nobody's, or of a fork, is dropped by all") {
    Processes shop;
    shop.partition.add(std::nullopt);
    shop.a->published("shop", "1:a");
    shop.settle();
    bus::Record fork = altered(shop.partition, 1, "{}");
    fork.event.source_position = 2;
    fork.previous = "another";
    shop.partition.add(fork);
    shop.settle();
    CHECK(shop.a->in_topic() == "1:a 1:a");
    CHECK(shop.b->in_topic() == "1:a 1:a");
    CHECK(shop.b->mirror->stats().foreign.value() == 1);
    CHECK(shop.b->mirror->stats().forked.value() == 1);
    shop.a->published("shop", "2:b");
    shop.settle();
    CHECK(shop.b->effects("copier") == "1:a 2:b");
}

TEST_CASE("a file that cannot be read keeps the mirror of its process from nothing") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle();
    shop.a->close();
    Processes::restore(*shop.a, {}, "topic");  // so that its record is compared with the file
    shop.a->open();
    shop.a->vfs.fail(
        {.operation = FileOperation::read, .code = 10, .file = "shop.db", .skip = 0, .times = 1000}
    );
    shop.settle();
    CHECK(shop.a->in_topic() == shop.b->in_topic());
    CHECK(shop.a->relay->healthy());
    CHECK(!shop.a->module("shop").gate.refuses());
    shop.a->vfs.clear_failures();
    shop.a->published("shop", "2:b");
    shop.settle_after(1'000);
    CHECK(shop.a->module("shop").gate.is_open());
    CHECK(shop.b->effects("copier") == "1:a 2:b");
}

TEST_CASE("no row goes before the mirror that has it is on disk") {
    Processes shop;
    shop.a->published("shop", "1:a 2:b 3:c");
    shop.settle_after(1'000);
    shop.a->published("shop", "4:d");  // removes what may go
    REQUIRE(shop.a->ask("shop", "SELECT min(position) FROM outbox") == 3);
    shop.partition.away(true);
    shop.a->crash(Crash::power_loss);
    CHECK(shop.a->topic->relayed("shop") >= 2);
}

TEST_CASE("a partition that lacks what a file has removed is refused") {
    VirtualClock clock;
    Partition partition(clock);
    BusFixture shop;
    shop.given_partition(partition);
    shop.given_modules("shop");  // nothing of it has a cursor
    shop.open();
    const auto settle = [&] {
        for (int i = 0; i < 50; ++i) {
            partition.take_all();
            shop.settled();
        }
    };
    settle();
    shop.published("shop", "1:a 2:b 3:c");
    settle();
    shop.after(1'000);
    shop.published("shop", "4:d");
    settle();
    REQUIRE(shop.ask("shop", "SELECT min(position) FROM outbox") == 3);
    shop.close();
    Processes::restore(shop, {}, "topic");
    partition.keep(1);
    shop.open();
    settle();
    CHECK(contains(why_closed(shop, "shop"), "it removed its events up to 2"));
    CHECK(partition.size() == 1);
}

TEST_CASE("an offset at which no record stands holds up nobody") {
    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle();
    shop.partition.add_mark();
    shop.a->published("shop", "2:b");
    shop.settle();
    shop.partition.add_mark();
    shop.b->crash(Crash::process);  // the partition ends with a mark
    shop.settle();
    CHECK(shop.b->module("depot").gate.is_open());
    CHECK(shop.b->effects("copier") == "1:a 2:b");
    CHECK(shop.a->effects("ledger") == "1:a 2:b");
}

TEST_CASE("a mirror whose write was reported as failed goes on with what the file has") {
    for (const auto operation : {FileOperation::write, FileOperation::sync}) {
        CAPTURE(static_cast<int>(operation));
        Processes shop;
        shop.a->published("shop", "1:a 2:b");
        shop.settle();
        shop.b->vfs.fail(
            {.operation = operation, .code = 10, .file = "topic.db", .skip = 0, .times = 3}
        );
        shop.a->published("shop", "3:c");
        for (int i = 0; i < 5; ++i) {
            shop.settle_after(1'000);
        }
        CHECK(shop.b->relay->healthy());
        CHECK(shop.b->in_topic("Noted") == "1:a 2:b 3:c");
        CHECK(shop.b->effects("copier") == "1:a 2:b 3:c");
        CHECK(shop.a->effects("ledger") == "1:a 2:b 3:c");
    }
}

TEST_CASE("what a process says that it has seen is right whatever of its mirror fails") {
    for (int skip = 0; skip < 24; ++skip) {
        CAPTURE(skip);
        Processes shop;
        shop.a->published("shop", "1:a");
        shop.settle();
        // The commit fails and is in the file all the same; then it cannot be read as a whole.
        shop.a->vfs.fail({.operation = FileOperation::write, .code = 10, .file = "topic.db"});
        shop.a->vfs.fail(
            {.operation = FileOperation::read, .code = 10, .file = "topic.db", .skip = skip}
        );
        shop.a->published("shop", "2:b 3:c");
        for (int i = 0; i < 4; ++i) {
            shop.partition.take_all();
            shop.b->settled();
            shop.a->step_all();
            shop.a->published("shop", fmt::format("{}:d", 4 + i));
            shop.a->step_all();
        }
        shop.a->vfs.clear_failures();
        for (int i = 0; i < 5; ++i) {
            shop.settle_after(1'000);
        }
        REQUIRE(shop.b->relay->fault() == "");
        REQUIRE(shop.a->relay->fault() == "");
        REQUIRE(shop.b->in_topic("Noted") == "1:a 2:b 3:c 4:d 5:d 6:d 7:d");
        REQUIRE(shop.a->in_topic() == shop.b->in_topic());
    }
}

TEST_CASE("a log of its own is no mirror, and a mirror of one topic none of another") {
    BusFixture alone;
    alone.given_modules("shop");
    alone.open();
    alone.published("shop", "1:a");
    alone.relayed();
    alone.close();
    Partition partition(alone.clock);
    alone.given_partition(partition);
    CHECK_THROWS_WITH_AS(
        alone.open(), doctest::Contains("bookstore topic republish"), storage::Refused
    );
    alone.topic.reset();
    alone.pipe.reset();

    Processes shop;
    shop.a->published("shop", "1:a");
    shop.settle();
    const auto mirror_of = [&shop](const std::string& topic) {
        const auto pipe = shop.partition.pipe();
        const bus::Mirror mirror(*shop.a->topic, *pipe, shop.a->clock, {.topic = topic});
    };
    CHECK_THROWS_WITH_AS(
        mirror_of("other"), doctest::Contains("--kafka-topic shop"), storage::Refused
    );
}

}  // namespace bookstore::test
