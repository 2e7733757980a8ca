#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

#include "storage/database.hpp"
#include "storage/directory.hpp"
#include "storage/error.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {
namespace {

using storage::DirectoryLock;

/// In a process of its own: 0 when it got the lock, 1 when it was refused.
int locked_by_another_process(const std::string& directory) {
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            const DirectoryLock lock(directory);
            ::_exit(0);
        } catch (const storage::Refused&) {
            ::_exit(1);
        } catch (...) {
            ::_exit(2);
        }
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a data directory is held by one process, until it lets go") {
    const TemporaryDirectory directory;
    std::optional<DirectoryLock> lock(directory.path());
    CHECK(locked_by_another_process(directory.path()) == 1);
    try {
        const DirectoryLock second(directory.path());
        FAIL("it is held already");
    } catch (const storage::Refused& refused) {
        const std::string why = refused.what();
        CHECK(why.find(directory.path()) != std::string::npos);
        CHECK(why.find("another bookstore process") != std::string::npos);
    }
    lock.reset();
    CHECK(locked_by_another_process(directory.path()) == 0);
    CHECK_NOTHROW(DirectoryLock(directory.path()));
}

TEST_CASE("a data directory that is missing is made, one that cannot be made is refused") {
    const TemporaryDirectory directory;
    const std::string deep = directory.path() + "/a/b";
    CHECK_NOTHROW(DirectoryLock{deep});
    CHECK(std::filesystem::exists(deep + "/lock"));
    std::ofstream(directory.path() + "/file") << "no directory";
    CHECK_THROWS_AS(DirectoryLock{directory.path() + "/file"}, storage::Refused);
    CHECK_THROWS_AS(DirectoryLock{directory.path() + "/file/below"}, storage::Refused);
}

TEST_CASE("syncing a directory that is not there is an error") {
    const TemporaryDirectory directory;
    CHECK_NOTHROW(storage::sync_directory(directory.path()));
    CHECK_THROWS_AS(storage::sync_directory(directory.path() + "/none"), std::system_error);
}

TEST_CASE("a database works on the real file system, and finds its rows again") {
    const TemporaryDirectory directory;
    const storage::Database::Options options{
        .path = directory.path() + "/bus.db", .vfs = {}, .migrations = {"bus"}, .ring = {}
    };
    for (int i = 0; i < 2; ++i) {
        storage::Database database(options);
        database.writer().submit(
            {.durable = true,
             .run =
                 [](storage::Connection& connection) {
                     connection.execute(
                         "INSERT INTO subscription(name, position) VALUES (hex(randomblob(8)), 1)"
                     );
                     return true;
                 },
             .done = [](const storage::Outcome& outcome
                     ) { CHECK(outcome.kind == storage::Outcome::Kind::committed); }}
        );
        CHECK(database.writer().step());
        const storage::Reader reader = database.read();
        CHECK(reader->query_integer("SELECT count(*) FROM subscription") == i + 1);
        CHECK(reader->query_text("PRAGMA journal_mode") == "wal");
    }
    CHECK_FALSE(std::filesystem::exists(directory.path() + "/bus.db-wal"));
}

namespace {

/// What an unprivileged process is told when it opens notes.db of that directory and writes to it;
/// empty when it could. (root may write whatever the bits say, and is refused nothing.)
std::string refused_to_a_user(const std::string& directory) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        std::string why;
        try {
            if (::geteuid() == 0 && (::setegid(65'534) != 0 || ::seteuid(65'534) != 0)) {
                why = "cannot become another user";
            }
            const DirectoryLock lock(directory);
            storage::Database database(
                {.path = directory + "/notes.db", .vfs = {}, .migrations = {"bus"}, .ring = {}}
            );
        } catch (const storage::Refused& refused) {
            why = refused.what();
        } catch (const std::exception& error) {
            why = std::string("not refused: ") + error.what();
        }
        const auto written = ::write(pipe_ends[1], why.data(), why.size());
        ::_exit(written == static_cast<ssize_t>(why.size()) ? 0 : 1);
    }
    ::close(pipe_ends[1]);
    std::string why(4096, '\0');
    const auto size = ::read(pipe_ends[0], why.data(), why.size());
    ::close(pipe_ends[0]);
    why.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    return why;
}

}  // namespace

TEST_CASE("what this user may not write is refused at the start, by name and with the way out") {
    namespace fs = std::filesystem;
    // $TMPDIR may be one that another user cannot even enter.
    const TemporaryDirectory directory("/tmp");
    const auto given = [&](const std::string& name, fs::perms permissions) {
        const std::string path = name.empty() ? directory.path() : directory.path() + "/" + name;
        if (!name.empty() && !fs::exists(path)) {
            std::ofstream{path};
        }
        fs::permissions(path, permissions);
        return path;
    };
    const auto all = fs::perms::all;
    const auto read_only = static_cast<fs::perms>(0555);
    given("", all);
    REQUIRE(refused_to_a_user(directory.path()) == "");
    given("lock", all);
    for (const std::string name : {"lock", "notes.db", "notes.db-wal", "notes.db-shm"}) {
        CAPTURE(name);
        const std::string path = given(name, read_only);
        const std::string why = refused_to_a_user(directory.path());
        CHECK_MESSAGE(why.starts_with("cannot write to " + path + ": "), why);
        CHECK_MESSAGE(why.find("chown -R ") != std::string::npos, why);
        CHECK_MESSAGE(
            why.find("chmod -R u+rwX '" + directory.path() + "'") != std::string::npos, why
        );
        given(name, all);
        if (name.ends_with("-wal") || name.ends_with("-shm")) {
            fs::remove(path);
        }
    }
    given("", read_only);
    const std::string why = refused_to_a_user(directory.path());
    CHECK_MESSAGE(why.starts_with("cannot write to the data directory " + directory.path()), why);
    given("", all);
    CHECK(refused_to_a_user(directory.path()) == "");
}

}  // namespace bookstore::test
