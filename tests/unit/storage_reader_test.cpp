#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "support/storage_fixture.hpp"

namespace bookstore::test {
namespace {

const storage::Sql count_forever{
    "test", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
};

}  // namespace

TEST_CASE_FIXTURE(
    StorageFixture, "readers see the old state while a write transaction is open, and do not wait"
) {
    wrote("a");
    std::string inside;
    std::string outside;
    submitted("b", [&](storage::Connection& connection) {
        write(connection, "b");
        inside = notes_in(connection);
        outside = notes();
        return true;
    });
    step();
    CHECK(inside == "a b");
    CHECK(outside == "a");
    CHECK(notes() == "a b");
}

TEST_CASE_FIXTURE(StorageFixture, "a reader sees one state, whatever is committed meanwhile") {
    wrote("a");
    {
        const storage::Reader reader = db->read();
        CHECK(notes_in(*reader) == "a");
        wrote("b");
        CHECK(notes_in(*reader) == "a");
        CHECK(notes() == "a b");
    }
    CHECK(notes() == "a b");
}

TEST_CASE_FIXTURE(
    StorageFixture, "a reader that is lent again keeps its transaction while nothing was committed"
) {
    wrote("a");
    const auto locks = [this] {
        const int before = vfs.memory_locks();
        CHECK(notes() == "a");
        return vfs.memory_locks() - before;
    };
    CHECK(locks() > 0);
    CHECK(locks() == 0);
    CHECK(locks() == 0);
    db->writer().connection().execute("UPDATE note SET text = text");  // beside the writer's jobs
    CHECK(locks() > 0);
    CHECK(locks() == 0);
}

TEST_CASE_FIXTURE(StorageFixture, "a reader that rests does not keep the WAL from being moved") {
    wrote("a");
    CHECK(notes() == "a");
    db->writer().idle();
    wrote("b");
    const std::size_t size = wal_size();
    CHECK(notes() == "a b");
    db->writer().idle();
    wrote("c");
    CHECK(wal_size() == size);  // written from its begin again
    CHECK(notes() == "a b c");
}

TEST_CASE_FIXTURE(StorageFixture, "a reader is of use again after a statement failed in it") {
    wrote("a");
    try {
        const storage::Reader reader = db->read();
        CHECK(notes_in(*reader) == "a");
        vfs.fail({.operation = FileOperation::read, .code = SQLITE_IOERR_READ});
        reader->execute("PRAGMA cache_size = 0");
        (void)reader->query_text("PRAGMA integrity_check");
        CHECK(notes_in(*reader) == "a");
    } catch (const storage::Error&) {
    }
    vfs.clear_failures();
    CHECK(notes() == "a");
    wrote("b");
    CHECK(notes() == "a b");
}

TEST_CASE_FIXTURE(StorageFixture, "a reader cannot write") {
    const storage::Reader reader = db->read();
    CHECK_THROWS_AS(write(*reader, "a"), storage::Error);
}

TEST_CASE_FIXTURE(
    StorageFixture, "readers are used again, and as many are opened as are needed at once"
) {
    wrote("a");
    const int before = vfs.open_handles();
    {
        const storage::Reader one = db->read();
        const storage::Reader other = db->read();
        CHECK(&*one != &*other);
        CHECK(notes_in(*one) == notes_in(*other));
    }
    const int after = vfs.open_handles();
    CHECK(after > before);
    for (int i = 0; i < 10; ++i) {
        CHECK(notes() == "a");
    }
    CHECK(vfs.open_handles() == after);
}

TEST_CASE("a client's read that takes longer than its limit is interrupted, the next one is not") {
    StorageFixture storage;
    storage.close();
    storage.read_limit_ms = 20;
    storage.open();
    storage.wrote("a");
    for (int i = 0; i < 2; ++i) {
        const storage::Reader reader = storage.db->read_for_client();
        try {
            reader->prepare(count_forever).run();
            FAIL("it never ends");
        } catch (const storage::Error& error) {
            CHECK(error.interrupted());
        }
        CHECK(notes_in(*reader) == "a");
        CHECK(storage.notes() == "a");
    }
    storage.wrote("b");
    CHECK(storage.notes() == "a b");
}

TEST_CASE_FIXTURE(
    StorageFixture,
    "readers of before a failed commit are dropped, those of after it see what is written"
) {
    wrote("a");
    CHECK(notes() == "a");
    std::optional<storage::Reader> old;
    old.emplace(*db);
    CHECK(notes_in(**old) == "a");
    vfs.fail({.operation = FileOperation::sync, .code = SQLITE_IOERR_FSYNC, .file = "notes.db"});
    wrote("b");
    CHECK(outcome("b") == "unknown");
    const std::string after = notes();
    CHECK(notes_in(**old) == "a");
    CHECK((after == "a" || after == "a b"));
    wrote("c");
    CHECK(notes() == after + " c");
    const int with_old = vfs.open_handles();
    old.reset();
    CHECK(vfs.open_handles() < with_old);
    CHECK(notes() == after + " c");
}

TEST_CASE_FIXTURE(StorageFixture, "a reader whose read failed once reads again") {
    wrote("a", true, 50'000);
    close();
    open();
    CHECK_NOTHROW(notes());
    {
        const storage::Reader reader = db->read();
        vfs.fail({.operation = FileOperation::read, .code = SQLITE_IOERR_READ, .file = "notes.db"});
        CHECK_THROWS_AS(reader->query_text("SELECT sum(length(body)) FROM note"), storage::Error);
    }
    CHECK(vfs.failed() == 1);
    CHECK(notes() == "a");
}

TEST_CASE("a writer and readers on threads of their own agree on what was acknowledged") {
    StorageFixture storage;
    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::condition_variable bell;
    bool rung = false;
    storage.close();
    storage::Database database({
        .path = "notes.db",
        .vfs = storage.vfs.name(),
        .migrations = {},
        .ring =
            [&] {
                const std::scoped_lock lock(mutex);
                rung = true;
                bell.notify_one();
            },
    });
    std::thread writer([&] {
        while (!stop) {
            while (database.writer().step()) {
            }
            database.writer().idle();
            std::unique_lock lock(mutex);
            bell.wait(lock, [&] { return rung || stop; });
            rung = false;
        }
    });
    std::atomic<int> acknowledged{0};
    std::atomic<int> refused{0};
    const auto submitter = [&](int number) {
        for (int i = 0; i < 100; ++i) {
            std::atomic<bool> told{false};
            database.writer().submit(
                {.durable = i % 2 == 0,
                 .run =
                     [number, i](storage::Connection& connection) {
                         StorageFixture::write(connection, fmt::format("{}-{}", number, i), 2000);
                         return true;
                     },
                 .done =
                     [&](const storage::Outcome& outcome) {
                         ++(outcome.kind == storage::Outcome::Kind::committed ? acknowledged
                                                                              : refused);
                         told = true;
                         told.notify_one();
                     }}
            );
            told.wait(false);
            const storage::Reader reader = database.read();
            if (reader->query_integer(
                    fmt::format("SELECT count(*) FROM note WHERE text = '{}-{}'", number, i)
                ) != 1) {
                ++refused;
            }
        }
    };
    std::vector<std::thread> submitters;
    for (int number = 0; number < 3; ++number) {
        submitters.emplace_back(submitter, number);
    }
    for (std::thread& thread : submitters) {
        thread.join();
    }
    {
        const std::scoped_lock lock(mutex);
        stop = true;
        bell.notify_one();
    }
    writer.join();
    CHECK(acknowledged == 300);
    CHECK(refused == 0);
    const storage::Reader reader = database.read();
    CHECK(reader->query_integer("SELECT count(*) FROM note") == 300);
}

TEST_CASE("the process's own reads have no limit, on a connection that a client had before too") {
    StorageFixture storage;
    storage.close();
    storage.read_limit_ms = 1;
    storage.open();
    storage.wrote("a");
    const std::string count =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) "
        "SELECT count(*) FROM n";
    {
        const storage::Reader reader = storage.db->read_for_client();
        CHECK_THROWS_AS(reader->prepare(count_forever).run(), storage::Error);
    }
    {
        const storage::Reader reader = storage.db->read();
        CHECK(reader->query_integer(count) == 300'000);
    }
    const storage::Reader reader = storage.db->read_for_client();
    CHECK_THROWS_AS(reader->prepare(count_forever).run(), storage::Error);
}

}  // namespace bookstore::test
