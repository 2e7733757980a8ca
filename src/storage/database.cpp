#include "storage/database.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "storage/migrations.hpp"

namespace bookstore::storage {
namespace {

const Sql begin_read{"*", "BEGIN"};
const Sql end_read{"*", "COMMIT"};

}  // namespace

Reader::~Reader() {
    if (connection_) {
        database_->give_back(std::move(connection_), generation_);
    }
}

Snapshot::Snapshot(Connection& connection) : connection_(connection) {
    connection_.prepare(begin_read).run();
}

Snapshot::~Snapshot() {
    try {
        if (!connection_.autocommit()) {
            connection_.prepare(end_read).run();
        }
    } catch (const Error&) {
        // A read transaction has nothing to lose; the connection is asked again by its next user.
    }
}

Database::Database(Options options) : options_(std::move(options)) {
    writer_ = std::make_unique<Writer>(options_.path, options_.vfs, options_.ring);
    migrate(
        writer_->connection(),
        std::filesystem::path(options_.path).filename().string(),
        options_.migrations,
        options_.now_ms
    );
}

Database::~Database() {
    idle_readers_.clear();
}

Reader Database::read() {
    const std::uint64_t generation = writer_->generation();
    {
        const std::scoped_lock lock(mutex_);
        if (generation != readers_generation_) {
            idle_readers_.clear();
            readers_generation_ = generation;
        }
        if (!idle_readers_.empty()) {
            auto connection = std::move(idle_readers_.back());
            idle_readers_.pop_back();
            return {*this, std::move(connection), generation};
        }
    }
    std::unique_ptr<Connection> connection;
    const bool open = writer_->while_open([&] {
        connection =
            std::make_unique<Connection>(options_.path, Connection::Mode::read_only, options_.vfs);
        // Joins the others that have the file open; the first statement would do it too late.
        connection->query_integer("SELECT count(*) FROM sqlite_schema WHERE rowid = 0");
    });
    if (!open) {
        throw Error(SQLITE_CANTOPEN, options_.path + " is being recovered");
    }
    connection->execute("PRAGMA temp_store = MEMORY");
    connection->limit_statements(options_.read_limit_ms);
    return {*this, std::move(connection), generation};
}

void Database::give_back(std::unique_ptr<Connection> connection, std::uint64_t generation) {
    const std::scoped_lock lock(mutex_);
    if (generation == readers_generation_) {
        idle_readers_.push_back(std::move(connection));
    }
}

DirectoryLock::DirectoryLock(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
        throw Refused(
            fmt::format("cannot make the data directory {}: {}", directory, error.message())
        );
    }
    const std::string path = directory + "/lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) {
        throw Refused(fmt::format(
            "cannot write to the data directory {}: {}", directory, std::strerror(errno)
        ));
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd_);
        throw Refused(fmt::format(
            "the data directory {} is held by another bookstore process; stop it, or choose "
            "another --data-dir",
            directory
        ));
    }
}

DirectoryLock::~DirectoryLock() {
    ::close(fd_);
}

void sync_directory(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ::fsync(fd) != 0) {
        const int code = errno;
        if (fd >= 0) {
            ::close(fd);
        }
        throw std::system_error(code, std::generic_category(), "sync " + directory);
    }
    ::close(fd);
}

}  // namespace bookstore::storage
