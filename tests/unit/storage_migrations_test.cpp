#include <doctest/doctest.h>
#include <sqlite3.h>

#include <vector>

#include "storage/connection.hpp"
#include "storage/migrations.hpp"
#include "support/memory_vfs.hpp"

namespace bookstore::test {
namespace {

using storage::Migration;
using storage::Refused;
using Mode = storage::Connection::Mode;

const Migration bus_1{"bus", 1, "create_bus", "aa", "CREATE TABLE outbox(a) STRICT"};
const Migration good_bus_1{"bus", 1, "create_bus", "aa", "CREATE TABLE outbox(a INTEGER) STRICT"};
const Migration order_1{"order", 1, "create_order", "bb", "CREATE TABLE orders(a INTEGER)"};
const Migration order_2{
    "order",
    2,
    "add_note",
    "cc",
    "ALTER TABLE orders ADD COLUMN note TEXT; UPDATE orders SET note = 'none'"
};
const Migration order_3{"order", 3, "add_index", "dd", "CREATE INDEX by_note ON orders(note)"};

struct Fixture {
    MemoryVfs vfs;
    storage::Connection db{"order.db", Mode::read_write, vfs.name()};
    std::vector<std::string> sources{"bus", "order"};

    void migrated(std::vector<Migration> migrations, std::int64_t now_ms = 1000) {
        storage::migrate(db, "order.db", sources, now_ms, migrations);
    }
    std::string refused(const std::vector<Migration>& migrations) {
        try {
            migrated(migrations);
        } catch (const Refused& refusal) {
            return refusal.what();
        }
        return "not refused";
    }
    std::string applied() {
        return db
            .query_text(
                "SELECT coalesce(group_concat(source || number || '@' || applied_at, ' '), '') "
                "FROM migration"
            )
            .value();
    }
    std::string tables() {
        return db
            .query_text(
                "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema "
                "WHERE name <> 'migration' ORDER BY name)"
            )
            .value();
    }
};

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a fresh file gets every migration of its sources, in their order") {
    migrated({good_bus_1, order_1, order_2, {"payment", 1, "other", "ee", "not even SQL"}});
    CHECK(applied() == "bus1@1000 order1@1000 order2@1000");
    CHECK(tables() == "orders outbox");
}

TEST_CASE_FIXTURE(Fixture, "a second start applies nothing again") {
    migrated({good_bus_1, order_1}, 1000);
    migrated({good_bus_1, order_1}, 2000);
    CHECK(applied() == "bus1@1000 order1@1000");
}

TEST_CASE_FIXTURE(Fixture, "a newer binary applies only what is new, to the rows that are there") {
    migrated({good_bus_1, order_1}, 1000);
    db.execute("INSERT INTO orders(a) VALUES (1)");
    migrated({good_bus_1, order_1, order_2, order_3}, 2000);
    CHECK(applied() == "bus1@1000 order1@1000 order2@2000 order3@2000");
    CHECK(db.query_text("SELECT note FROM orders") == "none");
}

TEST_CASE_FIXTURE(Fixture, "a migration that was edited after it had been applied is refused") {
    migrated({good_bus_1, order_1, order_2});
    Migration edited = order_1;
    edited.sha256 = "ff";
    const std::string why = refused({good_bus_1, edited, order_2});
    CHECK(contains(why, "order/0001_create_order"));
    CHECK(contains(why, "edited"));
    CHECK(contains(why, "order.db"));
}

TEST_CASE_FIXTURE(Fixture, "a file of a newer binary is refused") {
    migrated({good_bus_1, order_1, order_2, order_3});
    const std::string why = refused({good_bus_1, order_1});
    CHECK(contains(why, "newer"));
    CHECK(contains(why, "order/0003"));
    CHECK(contains(why, "0001"));
}

TEST_CASE_FIXTURE(Fixture, "a migration that slipped in below an applied one is refused") {
    migrated({good_bus_1, order_1, {"order", 3, "add_index", "dd", "CREATE INDEX i ON orders(a)"}});
    const std::string why = refused(
        {good_bus_1,
         order_1,
         order_2,
         {"order", 3, "add_index", "dd", "CREATE INDEX i ON orders(a)"}}
    );
    CHECK(contains(why, "order/0002_add_note"));
    CHECK(contains(why, "never applied"));
}

TEST_CASE_FIXTURE(Fixture, "a refused file is left as it was") {
    migrated({good_bus_1, order_1});
    const std::string before = tables();
    Migration edited = order_1;
    edited.sha256 = "ff";
    const Migration bus_2{"bus", 2, "more", "99", "CREATE TABLE more(a)"};
    CHECK(refused({good_bus_1, bus_2, edited, order_2}) != "not refused");
    CHECK(tables() == before);
    CHECK(applied() == "bus1@1000 order1@1000");
}

TEST_CASE_FIXTURE(Fixture, "a migration that fails leaves the file as it was") {
    const Migration broken{
        "order",
        2,
        "broken",
        "cc",
        "CREATE TABLE half(a); INSERT INTO half VALUES (1); INSERT INTO missing VALUES (1)"
    };
    CHECK_THROWS_AS(migrated({good_bus_1, order_1, broken}), storage::Error);
    CHECK(db.autocommit());
    CHECK(tables().empty());
    migrated({good_bus_1});
    CHECK_THROWS_AS(migrated({good_bus_1, order_1, broken}), storage::Error);
    CHECK(applied() == "bus1@1000");
    migrated({good_bus_1, order_1, order_2}, 2000);
    CHECK(applied() == "bus1@1000 order1@2000 order2@2000");
}

TEST_CASE_FIXTURE(Fixture, "a migration that the disk has no room for leaves nothing of itself") {
    migrated({good_bus_1});
    vfs.fail(
        {.operation = FileOperation::write,
         .code = SQLITE_FULL,
         .file = "order.db",
         .skip = 2,
         .times = 100}
    );
    CHECK_THROWS_AS(migrated({good_bus_1, order_1}), storage::Error);
    vfs.clear_failures();
    CHECK(tables() == "outbox");
    migrated({good_bus_1, order_1}, 3000);
    CHECK(applied() == "bus1@1000 order1@3000");
}

TEST_CASE_FIXTURE(Fixture, "a statement that SQLite refuses to parse stops the start") {
    CHECK_THROWS_AS(migrated({bus_1}), storage::Error);
}

TEST_CASE("the embedded migrations can be applied, and are numbered from 1 without gaps") {
    std::string source;
    int number = 0;
    for (const Migration& migration : storage::embedded_migrations()) {
        number = migration.source == source ? number + 1 : 1;
        source = migration.source;
        CHECK(migration.number == number);
        CHECK(migration.sha256.size() == 64);
    }
    for (const std::string file : {"topic", "bus"}) {
        MemoryVfs vfs;
        storage::Connection db(file + ".db", Mode::read_write, vfs.name());
        const std::vector<std::string> sources{file};
        CHECK_NOTHROW(storage::migrate(db, file + ".db", sources, 0));
        CHECK_NOTHROW(storage::migrate(db, file + ".db", sources, 0));
    }
}

}  // namespace bookstore::test
