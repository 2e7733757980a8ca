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

TEST_CASE_FIXTURE(FaultFixture, "any other error of SQLite is the fault of the storage") {
    for (const int code :
         {SQLITE_FULL,
          SQLITE_IOERR_READ,
          SQLITE_CORRUPT,
          SQLITE_NOMEM,
          SQLITE_ERROR,
          SQLITE_TOOBIG,
          SQLITE_MISMATCH}) {
        CAPTURE(code);
        CHECK(fault_when([code] { throw storage::Error(code, "no"); }) == Fault::storage);
    }
    CHECK(fault_when([this] {
              connection.execute("SELECT * FROM no_such_table");
          }) == Fault::storage);
    CHECK_FALSE(connection.autocommit());
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
