#include "host/republish.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "app/check_contexts.hpp"
#include "app/contexts.hpp"
#include "bus/mirror_table.hpp"
#include "check/check.hpp"
#include "support/partition.hpp"
#include "support/storage_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "support/virtual_time.hpp"
#include "unit/stepped_shop.hpp"

// A log is carried to a topic, and goes on there.

namespace bookstore::test {
namespace {

struct RepublishFixture {
    RepublishFixture() { partition.take_at_once(); }

    void republish(
        const std::vector<std::string>& directories, Partition& to, const std::string& topic
    ) {
        host::Republish republish(directories, app::contexts(), clock);
        const auto pipe = to.pipe();
        republish.send(*pipe);
        republish.settle(topic);
    }

    Quiet quiet;
    VirtualClock clock;
    Partition partition{clock};
    TemporaryDirectory directory;
};

}  // namespace

TEST_CASE_FIXTURE(RepublishFixture, "a log of its own is carried: positions and effects stay") {
    std::string before;
    {
        SteppedShop shop(directory.path());
        shop.given_customer_and_book();
        shop.order();
        before = shop.log();
    }
    REQUIRE(before.contains("Ordered"));
    republish({directory.path()}, partition, "shop");
    CHECK(partition.size() == 6);

    SteppedShop shop(directory.path(), mirror_of(partition, "shop"));
    CHECK(shop.system->closed_gate() == "");
    CHECK(shop.log() == before);
    shop.order();
    CHECK(shop.log().starts_with(before));
    CHECK(partition.size() > 6);
    CHECK(shop.answered(http::Method::get, "/orders/2") == 200);
    CHECK(shop.last.contains("Shipped"));
    CHECK(shop.answered(http::Method::get, "/myPages/2") == 200);
    CHECK(shop.last.contains("PAYMENT_COMPLETED"));
    CHECK(shop.answered(http::Method::get, "/books/1") == 200);
    CHECK(shop.last.contains(R"("stock":7)"));  // each order took one, once
}

TEST_CASE_FIXTURE(RepublishFixture, "without its partition a carried directory does not start") {
    {
        SteppedShop shop(directory.path());
    }
    republish({directory.path()}, partition, "shop");
    CHECK_THROWS_WITH_AS(
        SteppedShop(directory.path()),
        doctest::Contains("a mirror of the Kafka topic shop"),
        storage::Refused
    );
    CHECK_THROWS_WITH_AS(
        SteppedShop(directory.path(), mirror_of(partition, "other")),
        doctest::Contains("not of other"),
        storage::Refused
    );
}

TEST_CASE_FIXTURE(
    RepublishFixture, "a directory that has read nothing yet does not start without its partition"
) {
    {
        const SteppedShop shop(directory.path(), mirror_of(partition, "shop"));
    }
    REQUIRE(partition.size() == 0);
    CHECK_THROWS_WITH_AS(
        SteppedShop(directory.path()),
        doctest::Contains("a mirror of the Kafka topic shop"),
        storage::Refused
    );
}

TEST_CASE_FIXTURE(RepublishFixture, "of several mirrors the longest is carried, and all go on") {
    const TemporaryDirectory copy;
    {
        SteppedShop shop(directory.path(), mirror_of(partition, "shop"));
        shop.given_customer_and_book();
        shop.order();
    }
    std::filesystem::copy(
        directory.path(),
        copy.path(),
        std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive
    );
    for (const char* name : {"order", "payment", "van"}) {  // it is a process with other contexts
        std::filesystem::remove(fmt::format("{}/{}.db", copy.path(), name));
    }
    {
        SteppedShop shop(directory.path(), mirror_of(partition, "shop"));
        shop.order();
    }
    Partition anew(clock);
    anew.take_at_once();
    republish({directory.path(), copy.path()}, anew, "anew");
    CHECK(anew.size() == partition.size());
    SteppedShop shop(directory.path(), mirror_of(anew, "anew"));
    CHECK(shop.system->closed_gate() == "");
    shop.order();
    storage::Connection db(copy.path() + "/topic.db", storage::Connection::Mode::read_only);
    const auto read_to = bus::MirrorTable::read_to(db);
    REQUIRE(read_to.has_value());
    CHECK(read_to->topic == "anew");
    CHECK(read_to->next_offset == db.query_integer("SELECT max(position) FROM event"));
    CHECK(read_to->last->id == anew.at(static_cast<std::size_t>(read_to->last->offset)).record->id);
}

TEST_CASE_FIXTURE(RepublishFixture, "check compares the files of all processes of a topic") {
    const TemporaryDirectory other;
    {
        SteppedShop shop(directory.path(), mirror_of(partition, "shop"));
        shop.given_customer_and_book();
        shop.order();
    }
    // As if order, payment and van had been elsewhere, in a process that has read less.
    std::filesystem::copy(
        directory.path(),
        other.path(),
        std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive
    );
    for (const char* name : {"order", "payment", "van"}) {
        std::filesystem::remove(fmt::format("{}/{}.db", directory.path(), name));
    }
    for (const char* name : {"customer", "inventory", "delivery", "payment_history"}) {
        std::filesystem::remove(fmt::format("{}/{}.db", other.path(), name));
    }
    const auto checked = [&] {
        return check::check(
            {.contexts = app::check_contexts(), .data_dirs = {directory.path(), other.path()}}
        );
    };
    const auto report = checked();
    CHECK(report.violations == std::vector<std::string>{});
    CHECK(report.events == 6);
    CHECK(report.compared);
    CHECK(report.not_compared == std::vector<std::string>{});

    storage::Connection db(other.path() + "/topic.db", storage::Connection::Mode::read_write);
    db.execute("UPDATE mirrored SET hash = 'other' WHERE position = 6");
    const auto again = checked();
    REQUIRE(again.violation_count == 1);
    CHECK(again.violations[0].contains("are mirrors of the topic shop, but the first 6 events"));
}

TEST_CASE_FIXTURE(RepublishFixture, "mirrors of different logs are not carried together") {
    const TemporaryDirectory other;
    Partition others(clock);
    others.take_at_once();
    {
        SteppedShop shop(directory.path(), mirror_of(partition, "shop"));
        shop.given_customer_and_book();
        shop.order();
        SteppedShop another(other.path(), mirror_of(others, "shop"));
        another.clock.advance(5);
        another.given_customer_and_book();
    }
    CHECK_THROWS_WITH_AS(
        host::Republish({directory.path(), other.path()}, app::contexts(), clock),
        doctest::Contains("are of different logs"),
        storage::Refused
    );
}

TEST_CASE_FIXTURE(RepublishFixture, "a topic that somebody else writes to is not taken for ours") {
    {
        SteppedShop shop(directory.path());
        shop.given_customer_and_book();
    }
    partition.add(std::nullopt);
    host::Republish carried({directory.path()}, app::contexts(), clock);
    const auto pipe = partition.pipe();
    CHECK_THROWS_WITH_AS(
        carried.send(*pipe), doctest::Contains("somebody else writes to it"), storage::Refused
    );
}

}  // namespace bookstore::test
