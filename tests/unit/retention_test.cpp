#include <doctest/doctest.h>
#include <sqlite3.h>

#include <string>

#include "host/order_index.hpp"
#include "storage/error.hpp"
#include "support/listed_orders.hpp"
#include "support/memory_vfs.hpp"

// The log's beginning is cut off: what of it goes, what stays, and what is made of the rest.

namespace bookstore::test {
namespace {

using State = kernel::Rebuild::State;

constexpr std::int64_t day_ms = 86'400'000;
constexpr auto customer_file = "/data/customer.db";

struct Cut {
    MemoryVfs vfs;
    ListedOrders shop;

    explicit Cut(host::RetentionOptions retention)
        : shop({.data_dir = "/data", .vfs = vfs.name(), .retention = retention}) {}

    /// Some looks at the log, and all that follows from them.
    void settle() {
        for (int i = 0; i < 6; ++i) {
            shop.clock.advance(1001);
            for (bool did = true; did;) {
                did = shop.system().retention().step();
                did = shop.step() || did;
            }
        }
    }
    void rebuild() {
        const auto refusal = shop.rebuild().begin();
        REQUIRE_MESSAGE(!refusal, refusal->why);
        settle();
        REQUIRE(shop.rebuild().progress().state == State::done);
    }
    /// All files, with customer.db as a whole: its WAL is moved into it.
    MemoryVfs::Image image() {
        shop.customer().idle();
        return vfs.image();
    }
    /// The first 1000 events are cut off, and then customer.db is the older one again.
    void cut_and_put_back(const MemoryVfs::Image& old) {
        shop.clock.advance(2 * day_ms);
        shop.append(10);
        settle();
        REQUIRE(shop.topic().first() == 1001);
        shop.close();
        vfs.put_back(old, customer_file);
    }
    std::int64_t stored(const std::string& sql) {
        const storage::Reader reader = shop.topic().reader();
        return reader->query_integer(sql);
    }
};

}  // namespace

TEST_CASE("events older than --topic-retention go, younger ones stay") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(5000);
    cut.shop.clock.advance(2 * day_ms);
    cut.shop.append(3000);
    cut.settle();
    CHECK(cut.shop.topic().first() == 5001);
    CHECK(cut.shop.topic().end() == 8000);
    CHECK(cut.stored("SELECT count(*) FROM event") == 3000);
    cut.shop.open();
    CHECK(cut.shop.topic().first() == 5001);
    CHECK(cut.shop.topic().read(0, {}, 1).events.at(0)->position == 5001);
}

TEST_CASE("a log above --topic-retention-size is cut, and its pages go back to the file system") {
    constexpr std::int64_t kept = 2'000'000;
    Cut cut({.max_bytes = kept});
    for (int i = 0; i < 5; ++i) {
        cut.shop.append(6000);
        cut.settle();
    }
    CHECK(cut.shop.topic().first() > 1);
    CHECK(cut.shop.topic().space().used_bytes <= kept + kept / 8);
    CHECK(cut.shop.topic().space().used_bytes >= kept / 2);
    CHECK(cut.stored("PRAGMA freelist_count") == 0);
    CHECK(cut.stored("PRAGMA page_count") * cut.stored("PRAGMA page_size") <= kept + kept / 8);
}

TEST_CASE("the log is never cut past a cursor") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(1000);
    cut.settle();
    cut.shop.customer().stop([] {});
    cut.settle();
    cut.shop.append(1000);
    cut.shop.clock.advance(3 * day_ms);
    cut.shop.append(10);
    cut.settle();
    CHECK(cut.shop.topic().first() <= 1001);
    CHECK(cut.shop.ask("SELECT max(order_id) FROM my_page") == 1000);
    cut.shop.customer().resume([] {});
    cut.settle();
    CHECK(cut.shop.ask("SELECT count(*) FROM my_page") == 2010);
    CHECK(cut.shop.topic().first() == 2001);
}

TEST_CASE("a file from before its first event is not taken for a new one beside a log that was cut"
) {
    Cut cut({.max_age_ms = day_ms});
    cut.settle();
    const auto old = cut.image();
    cut.shop.append(1000);
    cut.cut_and_put_back(old);
    CHECK_THROWS_WITH_AS(
        cut.shop.open(), doctest::Contains("topic.db begins at 1001"), storage::Refused
    );
}

TEST_CASE("a context that is new beside a log that was cut begins there, at the next start too") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(1000);
    cut.settle();
    cut.cut_and_put_back({});  // there is none
    cut.shop.open();
    cut.shop.close();
    cut.shop.open();
    cut.settle();
    CHECK(cut.shop.ask("SELECT count(*) FROM my_page") == 10);
}

TEST_CASE("a read model comes out of a rebuild as it was though the log was cut") {
    Cut cut({.max_age_ms = day_ms});
    for (int round = 0; round < 4; ++round) {
        CAPTURE(round);
        cut.shop.append(3000);
        cut.shop.clock.advance(2 * day_ms);
        cut.settle();
        const std::string pages = cut.shop.pages();
        REQUIRE(cut.shop.topic().first() == 3000 * (round + 1));  // never the last one
        cut.rebuild();
        CHECK(cut.shop.pages() == pages);
        CHECK(cut.shop.has_table("my_page_base"));
        CHECK(!cut.shop.has_table("my_page_rebuild"));
        if (round == 2) {
            cut.shop.open();
        }
    }
}

TEST_CASE("of a log that was cut no base is made for a file that has none") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(1000);
    cut.settle();
    cut.cut_and_put_back(cut.image());
    cut.shop.open();  // it has handled all that was cut off
    cut.shop.append(2000);
    cut.shop.clock.advance(2 * day_ms);
    cut.settle();
    CHECK(cut.shop.topic().first() == 1001);
    const auto refusal = cut.shop.rebuild().begin();
    REQUIRE(refusal);
    CHECK_MESSAGE(refusal->why.find("no base was kept") != std::string::npos, refusal->why);
    CHECK(cut.shop.ask("SELECT count(*) FROM my_page") == 3010);
}

TEST_CASE("a start that removes what a rebuild left does not make an older file pass for its own") {
    Cut cut({});
    cut.shop.append(3000);
    cut.settle();
    const auto old = cut.image();
    REQUIRE(!cut.shop.rebuild().begin());
    while (!cut.shop.has_table("my_page_rebuild")) {
        REQUIRE(cut.shop.step());
    }
    cut.shop.close();  // its WAL goes
    cut.shop.open();
    REQUIRE(!cut.shop.has_table("my_page_rebuild"));
    cut.vfs.crash(Crash::process);
    cut.shop.close();
    cut.vfs.restart();
    cut.vfs.put_back(old, customer_file);
    CHECK_THROWS_WITH_AS(cut.shop.open(), doctest::Contains("does not belong"), storage::Refused);
}

TEST_CASE("a base that was under way when the process ended is a base again") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(3000);
    cut.shop.clock.advance(2 * day_ms);
    cut.settle();
    const auto before = cut.shop.topic().first();
    for (int steps = 1; steps < 12; ++steps) {
        CAPTURE(steps);
        cut.shop.append(500);
        cut.shop.clock.advance(2 * day_ms);
        while (cut.shop.step()) {
        }
        cut.shop.rebuild().keep_base(cut.shop.topic().end() - 1);
        for (int i = 0; i < steps; ++i) {
            cut.shop.step();
        }
        cut.shop.open();
        const std::string pages = cut.shop.pages();
        cut.rebuild();
        CHECK(cut.shop.pages() == pages);
    }
    CHECK(cut.shop.topic().first() > before);
}

TEST_CASE("a base stays a base, whichever read fails while it is taken up again") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(300);
    cut.shop.clock.advance(2 * day_ms);
    cut.settle();
    const auto before = cut.shop.topic().first();
    for (int skip = 0; skip < 60; ++skip) {
        CAPTURE(skip);
        cut.shop.append(20);
        cut.shop.clock.advance(2 * day_ms);
        while (cut.shop.step()) {
        }
        cut.vfs.fail(
            {.operation = FileOperation::read,
             .code = SQLITE_IOERR_READ,
             .file = "customer.db",
             .skip = skip}
        );
        cut.shop.rebuild().keep_base(cut.shop.topic().end() - 1);
        for (int i = 0; i < 12; ++i) {
            try {
                cut.shop.step();
            } catch (const storage::Error&) {
            }
        }
        cut.vfs.clear_failures();
        cut.settle();
        CHECK(cut.shop.ask("SELECT min(order_id) FROM my_page_base") == 1);
        const std::string pages = cut.shop.pages();
        cut.rebuild();
        CHECK(cut.shop.pages() == pages);
    }
    CHECK(cut.shop.topic().first() > before);
}

TEST_CASE("the events of an order that are left are found, whatever was cut") {
    Cut cut({.max_age_ms = day_ms});
    cut.shop.append(50'000);
    cut.shop.clock.advance(2 * day_ms);
    cut.shop.append(50'000);
    cut.settle();
    REQUIRE(cut.shop.topic().first() == 50'001);
    CHECK(host::OrderIndex::events_of(cut.shop.topic(), 50'000).empty());
    for (const std::int64_t order : {50'001, 50'002, 70'000, 100'000}) {
        CAPTURE(order);
        CHECK(host::OrderIndex::events_of(cut.shop.topic(), order).size() == 1);
    }
}

}  // namespace bookstore::test
