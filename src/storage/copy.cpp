#include "storage/copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "storage/connection.hpp"
#include "storage/wal_stamp.hpp"

namespace bookstore::storage {
namespace {

constexpr int pages_a_chunk = 256;
constexpr int chunks_a_sync =
    16;  ///< few, since other files' syncs wait for what is not written yet

/// A descriptor beside SQLite's own, to sync by.
class Synced {
  public:
    explicit Synced(const std::string& path)
        : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
        if (fd_ < 0) {
            fail();
        }
    }
    ~Synced() { ::close(fd_); }
    Synced(const Synced&) = delete;
    Synced& operator=(const Synced&) = delete;

    void stamp() const {
        if (const int code = stamp_copy(fd_)) {
            errno = code;
            fail();
        }
    }
    void sync() const {
        if (::fsync(fd_) != 0) {
            fail();
        }
    }
    std::int64_t size() const {
        struct stat found{};
        if (::fstat(fd_, &found) != 0) {
            fail();
        }
        return found.st_size;
    }

  private:
    [[noreturn]] void fail() const {
        const int code = errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR;
        throw Error(code, path_, sqlite3_errstr(code));
    }
    std::string path_;
    int fd_;
};

}  // namespace

std::optional<std::int64_t> copy_database(
    Connection& from, const std::string& to, const std::function<bool()>& go_on
) {
    {
        Connection copy(to, Connection::Mode::read_write);
        // Half a copy is worth nothing, so it needs neither journal nor order; it is synced here.
        copy.execute("PRAGMA journal_mode = OFF");
        copy.execute("PRAGMA synchronous = OFF");
        const auto fail = [&](int code) {
            throw Error(
                code, from.path(), fmt::format("copying it to {}: {}", to, sqlite3_errstr(code))
            );
        };
        const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(
            sqlite3_backup_init(copy.handle(), "main", from.handle(), "main"), sqlite3_backup_finish
        );
        if (!backup) {
            fail(sqlite3_extended_errcode(copy.handle()));
        }
        const Synced file(to);
        int rc = SQLITE_OK;
        for (int chunk = 1; rc == SQLITE_OK; ++chunk) {
            rc = sqlite3_backup_step(backup.get(), pages_a_chunk);
            if (rc == SQLITE_OK && chunk % chunks_a_sync == 0) {
                file.sync();
            }
            if (rc == SQLITE_OK && !go_on()) {
                return std::nullopt;
            }
        }
        if (rc != SQLITE_DONE) {
            fail(rc);
        }
    }
    const Synced file(to);
    file.stamp();
    file.sync();
    return file.size();
}

}  // namespace bookstore::storage
