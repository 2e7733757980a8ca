#include <doctest/doctest.h>
#include <sqlite3.h>

#include <functional>
#include <stdexcept>

#include "storage/fault.hpp"
#include "support/storage_fixture.hpp"

namespace bookstore::test {
namespace {

using storage::Fault;

/// A transaction of the notes' file, in which something throws.
struct FaultFixture : StorageFixture {
    storage::Connection& connection = db->writer().connection();

    FaultFixture() { connection.execute("BEGIN IMMEDIATE"); }
    ~FaultFixture() {
        if (!connection.autocommit()) {
            connection.execute("ROLLBACK");
        }
    }

    Fault fault_when(const std::function<void()>& work) {
        try {
            work();
        } catch (const std::exception& error) {
            return storage::fault_of(error, connection);
        }
        FAIL("nothing was thrown");
        return Fault::storage;
    }
};

}  // namespace

TEST_CASE_FIXTURE(FaultFixture, "what a job throws of its own is the fault of the job") {
    CHECK(fault_when([] { throw std::runtime_error("no such book"); }) == Fault::job);
}

TEST_CASE_FIXTURE(FaultFixture, "a broken constraint is the fault of the job") {
    write(connection, "a");
    CHECK(fault_when([this] { write(connection, "a"); }) == Fault::job);
    CHECK_FALSE(connection.autocommit());
}

TEST_CASE_FIXTURE(FaultFixture, "whose fault an error of SQLite is, is decided by its code") {
    struct Row {
        int code;
        Fault fault;
    };
    for (const Row& row : {
             Row{SQLITE_CONSTRAINT_UNIQUE, Fault::job},
             Row{SQLITE_MISMATCH, Fault::job},
             Row{SQLITE_TOOBIG, Fault::job},
             Row{SQLITE_RANGE, Fault::job},
             Row{SQLITE_ERROR, Fault::job},
             Row{SQLITE_AUTH, Fault::job},
             Row{SQLITE_MISUSE, Fault::job},
             Row{SQLITE_FULL, Fault::storage},
             Row{SQLITE_NOLFS, Fault::storage},
             Row{SQLITE_IOERR_READ, Fault::storage},
             Row{SQLITE_IOERR_FSYNC, Fault::storage},
             Row{SQLITE_CORRUPT, Fault::storage},
             Row{SQLITE_CORRUPT_INDEX, Fault::storage},
             Row{SQLITE_NOTADB, Fault::storage},
             Row{SQLITE_FORMAT, Fault::storage},
             Row{SQLITE_CANTOPEN, Fault::storage},
             Row{SQLITE_PERM, Fault::storage},
             Row{SQLITE_READONLY, Fault::storage},
             Row{SQLITE_BUSY, Fault::storage},
             Row{SQLITE_BUSY_SNAPSHOT, Fault::storage},
             Row{SQLITE_LOCKED, Fault::storage},
             Row{SQLITE_PROTOCOL, Fault::storage},
             Row{SQLITE_NOMEM, Fault::storage},
             Row{SQLITE_INTERRUPT, Fault::storage},
             Row{SQLITE_ABORT, Fault::storage},
             Row{SQLITE_SCHEMA, Fault::storage},
             Row{SQLITE_INTERNAL, Fault::storage},
             Row{SQLITE_NOTFOUND, Fault::storage},
             Row{999, Fault::storage},
         }) {
        CAPTURE(row.code);
        CHECK(storage::fault_of(row.code) == row.fault);
        CHECK(fault_when([&row] { throw storage::Error(row.code, "no"); }) == row.fault);
    }
}

TEST_CASE_FIXTURE(FaultFixture, "what SQLite refuses of one job leaves the transaction to others") {
    const auto execute = [this](const std::string& sql) {
        return fault_when([&] { connection.execute(sql); });
    };
    CHECK(execute("SELECT * FROM no_such_table") == Fault::job);
    CHECK(execute("INSERT INTO note(id, text, body) VALUES ('one', 'a', '')") == Fault::job);
    sqlite3_limit(connection.handle(), SQLITE_LIMIT_LENGTH, 1000);
    CHECK(fault_when([this] { write(connection, "large", 2000); }) == Fault::job);
    CHECK_FALSE(connection.autocommit());
    write(connection, "b");
}

TEST_CASE_FIXTURE(
    FaultFixture, "once the transaction has ended, whatever is thrown is the fault of the storage"
) {
    connection.execute("ROLLBACK");
    CHECK(fault_when([] { throw std::runtime_error("could not write b"); }) == Fault::storage);
    write(connection, "a");
    CHECK(fault_when([this] { write(connection, "a"); }) == Fault::storage);
}

}  // namespace bookstore::test
