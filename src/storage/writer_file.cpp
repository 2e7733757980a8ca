#include "storage/writer_file.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <exception>
#include <utility>

#include "storage/directory.hpp"
#include "storage/wal_stamp.hpp"

namespace bookstore::storage {
namespace {

constexpr int busy_timeout_ms = 5000;  ///< another connection recovers the WAL
/// What a WAL keeps of the disk when it begins again: a large transaction leaves a large one.
constexpr int kept_wal_bytes = 64 << 20;

}  // namespace

WriterFile::Opening::Opening(
    const std::string& path, const std::string& vfs, std::atomic<std::uint64_t>& version
)
    : connection(path, Connection::Mode::read_write, vfs), wal(connection, version) {
    // SQLite opens what may not be written for reading alone; the first write would find out.
    if (sqlite3_db_readonly(connection.handle(), "main") == 1) {
        throw Refused(path + " may only be read: make it writable for this process");
    }
    move_wal_on_close(false);
    sqlite3_busy_timeout(connection.handle(), busy_timeout_ms);
    connection.execute("PRAGMA temp_store = MEMORY");
    if (connection.query_integer("PRAGMA page_count") == 0) {
        // A new file: what is removed from it can be given back (free_pages.hpp).
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL");
    }
    const auto mode = connection.query_text("PRAGMA journal_mode = WAL");
    if (mode != "wal") {
        throw Refused(path + ": the file system does not support SQLite's WAL mode");
    }
    connection.execute("PRAGMA synchronous = FULL");
    connection.execute("PRAGMA secure_delete = OFF");
    connection.execute(fmt::format("PRAGMA journal_size_limit = {}", kept_wal_bytes));
    wal.secure();
    move_wal_on_close(true);
}

void WriterFile::Opening::move_wal_on_close(bool move) {
    sqlite3_db_config(connection.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, move ? 0 : 1, nullptr);
}

WriterFile::WriterFile(std::string path, std::string vfs)
    : path_(std::move(path)), vfs_(std::move(vfs)) {
    if (vfs_.empty()) {
        require_writable(path_);
    }
    require_own_wal(path_, vfs_);
    opening_ = std::make_unique<Opening>(path_, vfs_, version_);
}

bool WriterFile::ensure_open() {
    if (opening_) {
        return true;
    }
    const std::scoped_lock lock(mutex_);
    try {
        opening_ = std::make_unique<Opening>(path_, vfs_, version_);
        return true;
    } catch (const std::exception& error) {
        spdlog::error("{} cannot be opened again: {}", role_of(path_), error.what());
        return false;
    }
}

void WriterFile::reopen() {
    {
        const std::scoped_lock lock(mutex_);
        // What the close would move into the file may not be what is on disk.
        opening_->move_wal_on_close(false);
        opening_.reset();
    }
    generation_.fetch_add(1, std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_release);
    ensure_open();
}

void WriterFile::sync_commits(bool sync) {
    if (sync != opening().commits_are_synced) {
        connection().execute(sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        opening().commits_are_synced = sync;
    }
}

bool WriterFile::while_open(const std::function<void()>& use) {
    const std::scoped_lock lock(mutex_);
    if (opening_) {
        use();
    }
    return opening_ != nullptr;
}

}  // namespace bookstore::storage
