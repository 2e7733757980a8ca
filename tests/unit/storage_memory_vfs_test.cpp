#include <doctest/doctest.h>
#include <sqlite3.h>

#include "storage/connection.hpp"
#include "support/memory_vfs.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

// The fake itself: what the other tests conclude from it must hold.

namespace bookstore::test {
namespace {

using storage::Connection;
using Mode = storage::Connection::Mode;

void make_wal_table(Connection& db) {
    db.execute("PRAGMA journal_mode = WAL");
    db.execute("PRAGMA wal_autocheckpoint = 0");
    db.execute("PRAGMA synchronous = FULL");
    db.execute("CREATE TABLE t(a)");
}

}  // namespace

TEST_CASE("a file system in memory runs WAL mode with several connections") {
    MemoryVfs vfs;
    {
        Connection writer("a.db", Mode::read_write, vfs.name());
        make_wal_table(writer);
        Connection reader("a.db", Mode::read_only, vfs.name());
        writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
        CHECK(reader.query_integer("SELECT count(*) FROM t") == 0);
        Connection second("a.db", Mode::read_write, vfs.name());
        CHECK_THROWS_AS(second.execute("BEGIN IMMEDIATE"), storage::Error);
        writer.execute("COMMIT");
        CHECK(reader.query_integer("SELECT count(*) FROM t") == 1);
        CHECK_NOTHROW(second.execute("BEGIN IMMEDIATE; ROLLBACK"));
        CHECK(vfs.exists("a.db-wal"));
    }
    CHECK(vfs.files() == std::vector<std::string>{"a.db"});
    CHECK(vfs.open_handles() == 0);
}

TEST_CASE("two file systems in memory do not see each other's files") {
    MemoryVfs one;
    MemoryVfs other;
    Connection(std::string("a.db"), Mode::read_write, one.name()).execute("CREATE TABLE t(a)");
    CHECK(one.name() != other.name());
    CHECK(one.exists("a.db"));
    CHECK_FALSE(other.exists("a.db"));
}

TEST_CASE("a process crash keeps what was written, synced or not, and drops locks") {
    MemoryVfs vfs;
    {
        Connection writer("a.db", Mode::read_write, vfs.name());
        make_wal_table(writer);
        writer.execute("PRAGMA synchronous = NORMAL");
        writer.execute("INSERT INTO t VALUES (1)");
        writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)");
        vfs.crash(Crash::process);
        CHECK_THROWS_AS(writer.execute("COMMIT"), storage::Error);
        CHECK_THROWS_AS(
            Connection("a.db", Mode::read_write, vfs.name()).execute("BEGIN IMMEDIATE"),
            storage::Error
        );
    }
    vfs.restart();
    Connection again("a.db", Mode::read_write, vfs.name());
    CHECK_NOTHROW(again.execute("BEGIN IMMEDIATE; ROLLBACK"));
    CHECK(again.query_text("SELECT group_concat(a) FROM t") == "1");
}

TEST_CASE("a power loss keeps what was synced and no more") {
    MemoryVfs vfs;
    {
        Connection writer("a.db", Mode::read_write, vfs.name());
        make_wal_table(writer);
        writer.execute("INSERT INTO t VALUES (1)");
        writer.execute("PRAGMA synchronous = NORMAL");
        writer.execute("INSERT INTO t VALUES (2)");
        vfs.crash(Crash::power_loss);
    }
    vfs.restart();
    Connection again("a.db", Mode::read_write, vfs.name());
    CHECK(again.query_text("SELECT group_concat(a) FROM t") == "1");
}

TEST_CASE("a torn power loss leaves different states, each of them whole to SQLite") {
    std::map<std::string, int> states;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        MemoryVfs vfs(seed);
        {
            Connection writer("a.db", Mode::read_write, vfs.name());
            make_wal_table(writer);
            writer.execute("PRAGMA synchronous = NORMAL");
            for (int i = 1; i <= 4; ++i) {
                writer.execute("INSERT INTO t VALUES (" + std::to_string(i) + ")");
            }
            vfs.crash(Crash::power_loss_torn);
        }
        vfs.restart();
        Connection again("a.db", Mode::read_write, vfs.name());
        CHECK(again.query_text("PRAGMA integrity_check") == "ok");
        ++states[again.query_text("SELECT coalesce(group_concat(a), '') FROM t").value()];
    }
    CHECK(states[""] > 0);
    CHECK(states["1,2,3,4"] > 0);
    CHECK(states.size() >= 4);
    for (const auto& [state, times] : states) {
        CHECK(std::string("1,2,3,4").starts_with(state));
    }
}

TEST_CASE("the same seed and the same calls leave the same files") {
    const auto run = [](std::uint64_t seed) {
        MemoryVfs vfs(seed);
        {
            Connection writer("a.db", Mode::read_write, vfs.name());
            make_wal_table(writer);
            writer.execute("PRAGMA synchronous = NORMAL");
            writer.execute("INSERT INTO t VALUES (1)");
            writer.execute("INSERT INTO t VALUES (2)");
            vfs.crash(Crash::power_loss_torn);
        }
        return vfs.image();
    };
    int different = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto sizes = [](const MemoryVfs::Image& image) {
            std::map<std::string, std::size_t> result;
            for (const auto& [name, content] : image) {
                result[name] = content.size();
            }
            return result;
        };
        CHECK(sizes(run(seed)) == sizes(run(seed)));
        different += sizes(run(seed)) != sizes(run(seed + 1)) ? 1 : 0;
    }
    CHECK(different > 0);
}

TEST_CASE("the n-th write of a file can be made to fail") {
    MemoryVfs vfs;
    Connection writer("a.db", Mode::read_write, vfs.name());
    make_wal_table(writer);
    vfs.fail({.operation = FileOperation::write, .code = SQLITE_FULL, .file = "b.db"});
    CHECK_NOTHROW(writer.execute("INSERT INTO t VALUES (1)"));
    vfs.clear_failures();
    vfs.fail(
        {.operation = FileOperation::sync, .code = SQLITE_IOERR_FSYNC, .file = "a.db-wal", .skip = 1
        }
    );
    CHECK_NOTHROW(writer.execute("INSERT INTO t VALUES (2)"));
    CHECK_THROWS_AS(writer.execute("INSERT INTO t VALUES (3)"), storage::Error);
    CHECK(vfs.failed() == 1);
    CHECK_NOTHROW(writer.execute("INSERT INTO t VALUES (4)"));
    CHECK(writer.query_text("SELECT group_concat(a) FROM t") == "1,2,4");
}

TEST_CASE("an image of all files begins another run") {
    MemoryVfs::Image image;
    {
        MemoryVfs vfs;
        Connection(std::string("a.db"), Mode::read_write, vfs.name()).execute("CREATE TABLE t(a)");
        image = vfs.image();
    }
    MemoryVfs vfs;
    vfs.load(image);
    Connection again("a.db", Mode::read_only, vfs.name());
    CHECK(again.query_integer("SELECT count(*) FROM t") == 0);
}

TEST_CASE("a seeded random source repeats itself and makes version 4 UUIDs") {
    SeededRandom one(7);
    SeededRandom same(7);
    const std::string uuid = one.uuid();
    CHECK(uuid == same.uuid());
    CHECK(uuid != one.uuid());
    CHECK(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
    for (int i = 0; i < 1000; ++i) {
        const auto drawn = one.below(3);
        CHECK(drawn >= 0);
        CHECK(drawn < 3);
    }
}

TEST_CASE("a damaged page is read as rubbish until it is healed, whatever was written there") {
    MemoryVfs vfs;
    {
        Connection db("a.db", Mode::read_write, vfs.name());
        make_wal_table(db);
        db.execute("INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)");
    }
    vfs.damage("a.db", 4096, 4096);  // the table's root
    {
        Connection db("a.db", Mode::read_write, vfs.name());
        CHECK(db.query_integer("SELECT count(*) FROM sqlite_schema") == 1);
        CHECK_THROWS_AS(db.query_integer("SELECT a FROM t"), storage::Error);
        CHECK_THROWS_AS(db.execute("INSERT INTO t VALUES (2)"), storage::Error);
        CHECK(vfs.damaged_reads() > 0);
    }
    vfs.heal();
    Connection db("a.db", Mode::read_write, vfs.name());
    CHECK(db.query_integer("SELECT sum(a) FROM t") == 1);
    CHECK(db.query_text("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a connection that read rubbish reads the page again once the disk is well") {
    MemoryVfs vfs;
    Connection writer("a.db", Mode::read_write, vfs.name());
    make_wal_table(writer);
    writer.execute("INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(RESTART)");
    vfs.damage("a.db", 4096, 4096);
    Connection second("a.db", Mode::read_write, vfs.name());
    Connection reader("a.db", Mode::read_only, vfs.name());
    reader.execute("BEGIN");
    CHECK_THROWS_AS(reader.query_integer("SELECT a FROM t"), storage::Error);
    CHECK_THROWS_AS(second.execute("INSERT INTO t VALUES (2)"), storage::Error);
    vfs.heal();
    CHECK(reader.query_integer("SELECT a FROM t") == 1);
    CHECK_NOTHROW(second.execute("INSERT INTO t VALUES (2)"));
}

TEST_CASE("one file is put back as an image has it, or goes when it has none") {
    MemoryVfs vfs;
    const auto value = [&vfs] {
        return Connection("a.db", Mode::read_only, vfs.name())
            .query_integer("SELECT max(a) FROM t");
    };
    const auto write = [&vfs](const std::string& sql) {
        Connection("a.db", Mode::read_write, vfs.name()).execute(sql);
    };
    const auto empty = vfs.image();
    write("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
    const auto one = vfs.image();
    write("INSERT INTO t VALUES (2)");
    REQUIRE(value() == 2);
    vfs.put_back(one, "a.db");
    CHECK(value() == 1);
    vfs.put_back(empty, "a.db");
    CHECK_FALSE(vfs.exists("a.db"));
}

}  // namespace bookstore::test
