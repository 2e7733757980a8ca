#include <doctest/doctest.h>

#include <chrono>
#include <set>

#include "storage/connection.hpp"
#include "support/memory_vfs.hpp"

namespace bookstore::test {
namespace {

using storage::Connection;
using storage::Sql;
using Mode = storage::Connection::Mode;

const Sql insert_value{"test", "INSERT INTO value(number, text) VALUES (?1, ?2)"};
const Sql select_values{"test", "SELECT number, text FROM value ORDER BY id"};
const Sql select_endless{
    "test", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
};
const Sql select_many{
    "test",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
    "SELECT count(*) FROM n"
};

struct Fixture {
    MemoryVfs vfs;
    Connection db{"values.db", Mode::read_write, vfs.name()};

    Fixture() {
        db.execute(
            "CREATE TABLE value(id INTEGER PRIMARY KEY, number INTEGER, text TEXT UNIQUE) STRICT"
        );
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a statement reads back what was bound to it") {
    const std::string text = "Grüße";
    const std::optional<std::string> some = "some";
    const std::optional<std::int64_t> five = 5;
    db.prepare(insert_value).bind(std::int64_t{-9'223'372'036'854'775'807}, text).run();
    db.prepare(insert_value).bind(7, "literal").run();
    db.prepare(insert_value).bind(true, std::string_view("view")).run();
    db.prepare(insert_value).bind(std::size_t{42}, some).run();
    db.prepare(insert_value).bind(five, std::optional<std::string>("temporary")).run();

    auto rows = db.prepare(select_values);
    REQUIRE(rows.step());
    CHECK(rows.integer(0) == -9'223'372'036'854'775'807);
    CHECK(rows.text(1) == text);
    REQUIRE(rows.step());
    CHECK(rows.integer(0) == 7);
    CHECK(rows.string(1) == "literal");
    REQUIRE(rows.step());
    CHECK(rows.integer(0) == 1);
    CHECK(rows.string(1) == "view");
    REQUIRE(rows.step());
    CHECK(rows.optional_integer(0) == 42);
    CHECK(rows.optional_string(1) == "some");
    REQUIRE(rows.step());
    CHECK(rows.optional_integer(0) == 5);
    CHECK(rows.string(1) == "temporary");
    CHECK_FALSE(rows.step());
}

TEST_CASE_FIXTURE(Fixture, "null and an empty text are different values") {
    db.prepare(insert_value).bind(nullptr, std::string_view()).run();
    db.prepare(insert_value).bind(std::optional<std::int64_t>(), nullptr).run();
    db.prepare(insert_value).bind(0, std::optional<std::string>()).run();

    auto rows = db.prepare(select_values);
    REQUIRE(rows.step());
    CHECK(rows.null(0));
    CHECK_FALSE(rows.null(1));
    CHECK(rows.text(1).empty());
    CHECK(rows.optional_string(1) == std::string());
    REQUIRE(rows.step());
    CHECK(rows.optional_integer(0) == std::nullopt);
    CHECK(rows.null(1));
    CHECK(rows.text(1).empty());
    CHECK(rows.optional_string(1) == std::nullopt);
    REQUIRE(rows.step());
    CHECK_FALSE(rows.null(0));
    CHECK(rows.null(1));
}

TEST_CASE_FIXTURE(Fixture, "a text keeps the NUL inside it") {
    const std::string text("a\0b", 3);
    db.prepare(insert_value).bind(1, text).run();
    auto rows = db.prepare(select_values);
    REQUIRE(rows.step());
    CHECK(rows.string(1) == text);
}

TEST_CASE_FIXTURE(Fixture, "parameters of an earlier use are gone when a statement is used again") {
    db.prepare(insert_value).bind(1, "one").run();
    db.prepare(insert_value).bind(2).run();
    auto rows = db.prepare(select_values);
    REQUIRE(rows.step());
    REQUIRE(rows.step());
    CHECK(rows.integer(0) == 2);
    CHECK(rows.null(1));
}

TEST_CASE_FIXTURE(Fixture, "a statement can be reset and run again with other parameters") {
    auto insert = db.prepare(insert_value);
    for (int i = 0; i < 3; ++i) {
        const std::string text = std::to_string(i);
        insert.reset();
        insert.bind(i, text).run();
    }
    CHECK(db.query_text("SELECT group_concat(text) FROM value") == "0,1,2");
    CHECK(db.last_insert_id() == 3);
    CHECK(db.changes() == 1);
}

TEST_CASE_FIXTURE(
    Fixture, "a statement that was left in the middle starts at the first row again"
) {
    db.prepare(insert_value).bind(1, "one").run();
    db.prepare(insert_value).bind(2, "two").run();
    CHECK(db.prepare(select_values).step());
    auto rows = db.prepare(select_values);
    REQUIRE(rows.step());
    CHECK(rows.integer(0) == 1);
}

TEST_CASE_FIXTURE(Fixture, "a broken constraint is told apart from other errors") {
    db.prepare(insert_value).bind(1, "one").run();
    try {
        db.prepare(insert_value).bind(2, "one").run();
        FAIL("a duplicate was stored");
    } catch (const storage::Error& error) {
        CHECK(error.constraint());
        CHECK_FALSE(error.full());
        CHECK_FALSE(error.interrupted());
        CHECK_FALSE(error.corrupt());
        CHECK(std::string(error.what()).find("UNIQUE") != std::string::npos);
    }
    CHECK_NOTHROW(db.prepare(insert_value).bind(2, "two").run());
    try {
        db.prepare(insert_value).bind("no number", "three").run();
        FAIL("a text was stored as a number");
    } catch (const storage::Error& error) {
        CHECK(error.constraint());
    }
}

TEST_CASE_FIXTURE(Fixture, "an error names the file and what was being done") {
    try {
        db.execute("SELECT nothing FROM nowhere");
        FAIL("there is no such table");
    } catch (const storage::Error& error) {
        CHECK_FALSE(error.constraint());
        CHECK(std::string(error.what()).find("values.db") != std::string::npos);
        CHECK(std::string(error.what()).find("nowhere") != std::string::npos);
    }
    CHECK_THROWS_AS(Connection("missing.db", Mode::read_only, vfs.name()), storage::Error);
}

TEST_CASE_FIXTURE(Fixture, "a file that is none of SQLite's is reported as damaged") {
    MemoryVfs other;
    other.load({{"strange.db", std::string(8192, 'x')}});
    Connection strange("strange.db", Mode::read_write, other.name());
    try {
        strange.query_integer("SELECT count(*) FROM sqlite_schema");
        FAIL("that was no database");
    } catch (const storage::Error& error) {
        CHECK(error.corrupt());
    }
}

TEST_CASE_FIXTURE(Fixture, "a single question is answered with nothing, a text or a number") {
    CHECK(db.query_text("SELECT text FROM value") == std::nullopt);
    CHECK(db.query_integer("SELECT max(number) FROM value") == 0);
    db.prepare(insert_value).bind(12, "twelve").run();
    CHECK(db.query_text("SELECT text FROM value") == "twelve");
    CHECK(db.query_integer("SELECT max(number) FROM value") == 12);
}

TEST_CASE("every SQL constant is listed once, under a number of its own") {
    std::set<std::size_t> numbers;
    std::set<const Sql*> listed;
    for (const Sql* sql = Sql::first(); sql != nullptr; sql = sql->next()) {
        CHECK(numbers.insert(sql->number()).second);
        CHECK_FALSE(sql->text().empty());
        CHECK_FALSE(sql->file().empty());
        listed.insert(sql);
    }
    CHECK(listed.contains(&insert_value));
    CHECK(listed.contains(&select_endless));
    CHECK(*numbers.rbegin() + 1 == numbers.size());
}

TEST_CASE_FIXTURE(Fixture, "a statement that runs longer than the limit is interrupted") {
    db.limit_statements(20);
    const auto begin = std::chrono::steady_clock::now();
    try {
        db.prepare(select_endless).run();
        FAIL("it never ends");
    } catch (const storage::Error& error) {
        CHECK(error.interrupted());
    }
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(20));
    CHECK(db.prepare(select_many).step());
}

TEST_CASE_FIXTURE(Fixture, "the limit counts from each statement, whichever way it is run") {
    db.limit_statements(100);
    CHECK(
        db.query_integer(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
            "SELECT count(*) FROM n"
        ) == 5000
    );
    CHECK_THROWS_AS(db.prepare(select_endless).run(), storage::Error);
    CHECK_NOTHROW(
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
                   "SELECT count(*) FROM n")
    );
    db.limit_statements(0);
    CHECK(db.prepare(select_many).step());
}

}  // namespace bookstore::test
