#include <doctest/doctest.h>
#include <sqlite3.h>

#include "support/storage_fixture.hpp"

namespace bookstore::test {
namespace {

struct WriterFixture : StorageFixture {
    /// A job that writes a note and then ends as `end` says.
    void note_then(const std::string& text, Run end) {
        submitted(text, [text, end = std::move(end)](storage::Connection& connection) mutable {
            write(connection, text);
            return end(connection);
        });
    }
    /// So few pages are cached that a transaction writes to the WAL before it commits.
    void given_a_small_cache() { db->writer().connection().execute("PRAGMA cache_size = 5"); }
    void note_of_many_pages(const std::string& text) {
        submitted(text, [text](storage::Connection& connection) {
            for (int i = 0; i < 40; ++i) {
                write(connection, text + std::to_string(i), 3000);
            }
            return true;
        });
    }
    void given_failing(FileOperation operation, int code, int skip = 0, int times = 1) {
        vfs.fail(
            {.operation = operation, .code = code, .file = "notes.db", .skip = skip, .times = times}
        );
    }
};

}  // namespace

TEST_CASE_FIXTURE(WriterFixture, "jobs that wait are committed together, with one sync") {
    wrote("first");
    const int syncs = wal_syncs();
    const int of_opening = file_syncs();
    for (int i = 0; i < 100; ++i) {
        note(std::to_string(i));
    }
    CHECK(notes() == "first");
    CHECK(outcomes.size() == 1);
    CHECK(step());
    CHECK(outcomes.size() == 101);
    CHECK(wal_syncs() == syncs + 1);
    CHECK(file_syncs() == of_opening);
    CHECK(outcome("0") == "committed");
    CHECK(outcome("99") == "committed");
    CHECK_FALSE(step());
}

TEST_CASE_FIXTURE(WriterFixture, "the bell rings once for the jobs of a batch") {
    note("a");
    note("b");
    CHECK(rung == 1);
    step();
    note("c");
    CHECK(rung == 2);
}

TEST_CASE_FIXTURE(
    WriterFixture, "more jobs than a transaction may hold are committed in order, in several"
) {
    for (int i = 0; i < 2500; ++i) {
        note(std::to_string(i));
    }
    CHECK(step());
    CHECK(outcomes.size() == 1024);
    CHECK(outcome("0") == "committed");
    CHECK(outcome("1023") == "committed");
    CHECK(step());
    CHECK(step());
    CHECK_FALSE(step());
    CHECK(outcomes.size() == 2500);
    const storage::Reader reader = db->read();
    CHECK(
        reader->query_integer("SELECT count(*) FROM note WHERE id = CAST(text AS INTEGER) + 1") ==
        2500
    );
}

TEST_CASE_FIXTURE(WriterFixture, "a job that says no is rolled back alone") {
    note("a");
    note_then("b", [](storage::Connection&) { return false; });
    note("c");
    step();
    CHECK(outcome("a") == "committed");
    CHECK(outcome("b") == "rolled back");
    CHECK(what_of(outcomes.at("b")).empty());
    CHECK(outcome("c") == "committed");
    CHECK(notes() == "a c");
}

TEST_CASE_FIXTURE(
    WriterFixture, "a batch is run again only when a job of it failed that had changed something"
) {
    int runs = 0;
    const auto counted = [&runs](const std::string& text) {
        return [&runs, text](storage::Connection& connection) {
            ++runs;
            write(connection, text);
            return true;
        };
    };
    submitted("a", counted("a"));
    note("b");
    CHECK(step());
    CHECK(runs == 1);
    submitted("c", counted("c"));
    submitted("refused", [](storage::Connection&) { return false; });
    CHECK(step());
    CHECK(runs == 2);
    CHECK(outcome("refused") == "rolled back");
    submitted("d", counted("d"));
    note_then("e", [](storage::Connection&) { return false; });
    submitted("f", counted("f"));
    CHECK(step());
    CHECK(runs == 5);  // d twice: f was not reached the first time
    CHECK(notes() == "a b c d f");
}

TEST_CASE_FIXTURE(WriterFixture, "a job that throws is rolled back alone, and told what it threw") {
    note("a");
    note_then("b", [](storage::Connection&) -> bool { throw std::runtime_error("no such book"); });
    note("c");
    step();
    CHECK(outcome("b") == "rolled back");
    CHECK(what_of(outcomes.at("b")) == "no such book");
    CHECK(notes() == "a c");
    CHECK(db->writer().healthy());
}

TEST_CASE_FIXTURE(WriterFixture, "a broken constraint is the fault of its job alone") {
    wrote("a");
    note("b");
    note("a");
    note("c");
    step();
    CHECK(outcome("a") == "rolled back");
    CHECK(what_of(outcomes.at("a")).find("UNIQUE") != std::string::npos);
    CHECK(outcome("b") == "committed");
    CHECK(outcome("c") == "committed");
    CHECK(notes() == "a b c");
}

TEST_CASE_FIXTURE(WriterFixture, "ids are contiguous although jobs were rolled back") {
    note("a");
    note_then("b", [](storage::Connection&) { return false; });
    note("c");
    step();
    const storage::Reader reader = db->read();
    CHECK(reader->query_text("SELECT group_concat(id) FROM note") == "1,2");
}

TEST_CASE_FIXTURE(WriterFixture, "a savepoint that a failing job left open is undone with it") {
    note("a");
    note_then("b", [](storage::Connection& connection) -> bool {
        connection.execute("SAVEPOINT inner_one");
        write(connection, "inside");
        throw std::runtime_error("left open");
    });
    note("c");
    step();
    CHECK(notes() == "a c");
    CHECK(db->writer().connection().autocommit());
}

TEST_CASE_FIXTURE(WriterFixture, "a job sees what the jobs before it in its batch wrote") {
    note("a");
    std::string seen;
    submitted("look", [&seen](storage::Connection& connection) {
        seen = notes_in(connection);
        return true;
    });
    step();
    CHECK(seen == "a");
}

TEST_CASE_FIXTURE(
    WriterFixture, "a full disk in the middle of a batch fails all of it and nothing is visible"
) {
    wrote("before");
    given_a_small_cache();
    note("a");
    note_of_many_pages("b");
    note("c");
    given_failing(FileOperation::write, SQLITE_FULL, 5);
    CHECK(step());
    CHECK(vfs.failed() == 1);
    for (const std::string job : {"a", "b", "c"}) {
        CHECK(outcome(job) == "failed");
        CHECK_FALSE(what_of(outcomes.at(job)).empty());
    }
    CHECK_FALSE(db->writer().healthy());
    CHECK(notes() == "before");

    wrote("d");
    CHECK(outcome("d") == "committed");
    CHECK(db->writer().healthy());
    CHECK(notes() == "before d");
    CHECK(integrity() == "ok");
}

TEST_CASE_FIXTURE(
    WriterFixture, "an I/O error in the middle of a batch fails all of it, wherever it strikes"
) {
    given_a_small_cache();
    wrote("before");
    int struck = 0;
    for (int skip = 0; skip < 1000; skip += 3) {
        outcomes.clear();
        note("a");
        note_of_many_pages("b");
        note("c");
        const int failed = vfs.failed();
        given_failing(FileOperation::write, SQLITE_IOERR_WRITE, skip);
        CHECK(step());
        const bool strikes = vfs.failed() > failed;
        vfs.clear_failures();
        if (!strikes) {
            break;
        }
        ++struck;
        CHECK(outcomes.size() == 3);
        CHECK((outcome("a") == "failed" || outcome("a") == "unknown"));
        CHECK(outcome("b") == outcome("a"));
        CHECK(outcome("c") == outcome("a"));
        CHECK(notes() == "before");
        given_a_small_cache();  // the connection may be a new one
    }
    CHECK(struck > 20);
    CHECK(outcome("a") == "committed");
    CHECK(integrity() == "ok");
}

TEST_CASE_FIXTURE(
    WriterFixture, "a job that swallows the error of a full disk is not acknowledged"
) {
    given_a_small_cache();
    note("a");
    submitted("b", [](storage::Connection& connection) {
        try {
            for (int i = 0; i < 40; ++i) {
                write(connection, "b" + std::to_string(i), 3000);
            }
        } catch (const storage::Error&) {
            return true;  // as if nothing had happened
        }
        return true;
    });
    note("c");
    given_failing(FileOperation::write, SQLITE_FULL, 5);
    step();
    CHECK(vfs.failed() == 1);
    for (const std::string job : {"a", "b", "c"}) {
        CHECK(outcome(job) == "failed");
    }
    CHECK(notes().empty());
    wrote("d");
    CHECK(notes() == "d");
}

TEST_CASE_FIXTURE(
    WriterFixture, "a job that turns a full disk into an error of its own is not taken for a rule"
) {
    given_a_small_cache();
    note("a");
    submitted("b", [](storage::Connection& connection) -> bool {
        try {
            for (int i = 0; i < 40; ++i) {
                write(connection, "b" + std::to_string(i), 3000);
            }
        } catch (const storage::Error&) {
            throw std::runtime_error("could not write b");
        }
        return true;
    });
    note("c");
    given_failing(FileOperation::write, SQLITE_FULL, 5);
    step();
    CHECK(vfs.failed() == 1);
    CHECK(outcome("a") == "failed");
    CHECK(outcome("b") == "failed");
    CHECK(outcome("c") == "failed");
    CHECK(notes().empty());
}

TEST_CASE_FIXTURE(
    WriterFixture,
    "a sync that fails at the commit leaves the outcome unknown, and later writes work"
) {
    wrote("before");
    {
        const storage::Reader reader = db->read();
    }
    const auto generation = db->writer().generation();
    note("a");
    note("b");
    given_failing(FileOperation::sync, SQLITE_IOERR_FSYNC);
    CHECK(step());
    CHECK(outcome("a") == "unknown");
    CHECK(outcome("b") == "unknown");
    CHECK_FALSE(db->writer().healthy());
    CHECK(db->writer().generation() == generation + 1);
    const std::string after = notes();
    CHECK((after == "before" || after == "before a b"));

    wrote("c");
    CHECK(outcome("c") == "committed");
    CHECK(db->writer().healthy());
    CHECK(notes() == after + " c");
    crash(Crash::power_loss);
    CHECK(notes() == after + " c");
}

TEST_CASE_FIXTURE(WriterFixture, "a write that fails at the commit leaves the outcome unknown") {
    wrote("before");
    note("a");
    given_failing(FileOperation::write, SQLITE_IOERR_WRITE);
    step();
    CHECK(outcome("a") == "unknown");
    CHECK(notes() == "before");
    wrote("c");
    CHECK(notes() == "before c");
    CHECK(integrity() == "ok");
}

TEST_CASE_FIXTURE(
    WriterFixture, "a commit that finds the disk full has failed for sure, and readers stay"
) {
    given_a_small_cache();
    wrote("before");
    int struck = 0;
    for (int skip = 0; skip < 1000; ++skip) {
        const storage::Reader reader = db->read();
        CHECK(reader->query_integer("SELECT count(*) FROM note") == 1);
        const auto generation = db->writer().generation();
        note_of_many_pages("a");
        const int failed = vfs.failed();
        given_failing(FileOperation::write, SQLITE_FULL, skip);
        step();
        const bool strikes = vfs.failed() > failed;
        vfs.clear_failures();
        if (!strikes) {
            break;
        }
        ++struck;
        CHECK(outcome("a") == "failed");
        CHECK_FALSE(db->writer().healthy());
        CHECK(db->writer().generation() == generation);
        CHECK(notes() == "before");
    }
    CHECK(struck > 20);
    CHECK(outcome("a") == "committed");
    crash(Crash::power_loss);
    const std::string after = notes();
    CHECK(after.starts_with("before a0 "));
    note("b");
    given_failing(FileOperation::write, SQLITE_FULL);
    step();
    CHECK(outcome("b") == "failed");
    crash(Crash::process);
    CHECK(notes() == after);
    CHECK(integrity() == "ok");
}

TEST_CASE_FIXTURE(
    WriterFixture, "an unknown outcome can turn out to be a commit, after the file was read again"
) {
    // Nobody else has the file open, and what SQLite does when it closes it fails too: it is
    // recovered from the WAL, where the whole transaction stands.
    wrote("before");
    db.reset();
    open();
    wrote("first");
    note("a");
    given_failing(FileOperation::sync, SQLITE_IOERR_FSYNC, 0, 2);
    step();
    CHECK(outcome("a") == "unknown");
    CHECK(vfs.failed() == 2);
    CHECK(db->writer().wants_opening());
    CHECK_THROWS_AS(notes(), storage::Error);  // nobody reads what is not known to be on disk
    CHECK_FALSE(step());
    CHECK_FALSE(db->writer().wants_opening());
    CHECK(notes() == "before first a");
    wrote("b");
    CHECK(notes() == "before first a b");
    crash(Crash::power_loss);
    CHECK(notes() == "before first a b");
}

TEST_CASE_FIXTURE(WriterFixture, "a file that cannot be opened again fails its jobs until it can") {
    wrote("before");
    note("a");
    vfs.fail({.operation = FileOperation::sync, .code = SQLITE_IOERR_FSYNC, .file = "notes.db"});
    vfs.fail(
        {.operation = FileOperation::read,
         .code = SQLITE_IOERR_READ,
         .file = "notes.db",
         .times = 1000}
    );
    step();
    CHECK(outcome("a") == "unknown");
    note("b");
    CHECK(step());
    CHECK(outcome("b") == "failed");
    CHECK_FALSE(db->writer().healthy());
    db->writer().idle();
    vfs.clear_failures();
    wrote("c");
    CHECK(outcome("c") == "committed");
    CHECK(db->writer().healthy());
    CHECK(notes().ends_with("c"));
}

TEST_CASE_FIXTURE(WriterFixture, "a batch that cannot even begin fails and is told so") {
    wrote("before");
    storage::Connection other("notes.db", storage::Connection::Mode::read_write, vfs.name());
    other.execute("BEGIN IMMEDIATE");
    note("a");
    step();
    CHECK(outcome("a") == "failed");
    other.execute("ROLLBACK");
    wrote("b");
    CHECK(notes() == "before b");
}

TEST_CASE_FIXTURE(
    WriterFixture,
    "hooks run at the begin of a transaction and after a commit, before anyone is told"
) {
    std::string story;
    db->writer().at_begin([&](storage::Connection& connection) {
        story += "begin ";
        CHECK_FALSE(connection.autocommit());
    });
    db->writer().after_commit([&] {
        story += "commit ";
        CHECK(outcome("a") == "not told");
        CHECK(notes() == "a");
    });
    note("a");
    step();
    CHECK(story == "begin commit ");
    CHECK(outcome("a") == "committed");
    db->writer().after_commit([] {});
    db->writer().at_begin([](storage::Connection& connection) { write(connection, "a"); });
    note("b");
    step();
    CHECK(outcome("b") == "failed");
    CHECK(notes() == "a");
}

TEST_CASE_FIXTURE(WriterFixture, "what is told of a job may submit the next one") {
    db->writer().submit(
        {.durable = true,
         .run =
             [](storage::Connection& connection) {
                 write(connection, "a");
                 return true;
             },
         .done = [this](const storage::Outcome&) { note("b"); }}
    );
    CHECK(step());
    CHECK(notes() == "a");
    CHECK(step());
    CHECK(notes() == "a b");
    CHECK_FALSE(step());
}

TEST_CASE_FIXTURE(
    WriterFixture, "a text that is too large, or a wrong statement, is the fault of its job alone"
) {
    sqlite3_limit(db->writer().connection().handle(), SQLITE_LIMIT_LENGTH, 100'000);
    note("a");
    note("large", true, 200'000);
    submitted("wrong", [](storage::Connection& connection) {
        connection.execute("SELECT * FROM no_such_table");
        return true;
    });
    note("b");
    CHECK(step());
    CHECK(outcome("large") == "rolled back");
    CHECK(outcome("wrong") == "rolled back");
    CHECK(outcome("a") == "committed");
    CHECK(outcome("b") == "committed");
    CHECK(notes() == "a b");
    CHECK(db->writer().healthy());
}

TEST_CASE_FIXTURE(WriterFixture, "who throws when told of a commit keeps it from nobody else") {
    db->writer().after_commit([] { throw std::runtime_error("the hook"); });
    db->writer().before_checkpoint([] { throw std::runtime_error("the other hook"); });
    note("a");
    db->writer().submit(
        {.durable = true,
         .run = [](storage::Connection&) { return true; },
         .done = [](const storage::Outcome&) { throw std::runtime_error("done"); }}
    );
    db->writer().submit(
        {.durable = true,
         .run = [](storage::Connection&) { return true; },
         .done = [](const storage::Outcome&) { throw 1; }}
    );
    note("b");
    CHECK(step());
    CHECK(outcome("a") == "committed");
    CHECK(outcome("b") == "committed");
    db->writer().idle();
    note("c");
    given_failing(FileOperation::write, SQLITE_FULL);
    step();
    CHECK(outcome("c") == "failed");
    db->writer().after_commit({});
    db->writer().before_checkpoint({});
    CHECK(notes() == "a b");
}

TEST_CASE_FIXTURE(WriterFixture, "a job may throw what is no exception of the library's") {
    note("a");
    submitted("odd", [](storage::Connection& connection) -> bool {
        write(connection, "odd");
        throw 1;
    });
    CHECK(step());
    CHECK(outcome("a") == "committed");
    CHECK(outcome("odd") == "rolled back");
    CHECK(notes() == "a");
}

TEST_CASE_FIXTURE(WriterFixture, "a job that is dropped is told that it failed, once") {
    note("a");
    CHECK(db->writer().drop_waiting());
    CHECK(outcome("a") == "failed");
    CHECK_FALSE(db->writer().drop_waiting());
    CHECK_FALSE(step());
    note("b");
    close();
    CHECK(outcome("b") == "failed");
    open();
    CHECK(notes().empty());
}

TEST_CASE_FIXTURE(WriterFixture, "who waits for a commit is told before its checkpoint begins") {
    std::string story;
    db->writer().before_checkpoint([&story] { story += " checkpoint"; });
    submitted("large", [](storage::Connection& connection) {
        for (int i = 0; i < 6000; ++i) {
            write(connection, std::to_string(i), 4000);
        }
        return true;
    });
    db->writer().submit(
        {.durable = true,
         .run = [](storage::Connection&) { return true; },
         .done = [&story](const storage::Outcome&) { story += "told"; }}
    );
    CHECK(db->writer().commit_waiting());
    CHECK(story == "told");
    db->writer().checkpoint_if_due();
    CHECK(story == "told checkpoint");
    db->writer().checkpoint_if_due();
    CHECK(story == "told checkpoint");
    db->writer().before_checkpoint({});
}

TEST_CASE_FIXTURE(WriterFixture, "an error of the storage begins with the file's name alone") {
    note("a");
    given_failing(FileOperation::write, SQLITE_FULL);
    step();
    REQUIRE(outcome("a") == "failed");
    CHECK(what_of(outcomes.at("a")).starts_with("notes.db: "));
    const storage::Error error(SQLITE_IOERR, "/var/lib/shop/customer.db", "it is gone");
    CHECK(std::string(error.what()) == "customer.db: it is gone");
    CHECK(error.file() == "customer.db");
}

}  // namespace bookstore::test
