#include "storage/wal_keeper.hpp"

#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <algorithm>
#include <vector>

namespace bookstore::storage {
namespace {

constexpr int checkpoint_pages = 4096;        ///< 16 MiB of WAL
constexpr int checkpoint_retry_pages = 1024;  ///< after one that a reader kept from finishing

// SQLite's unix file system takes less than 128 KiB in one write: it masks the length.
constexpr sqlite3_int64 rewritten_at_once = 64 << 10;

}  // namespace

WalKeeper::WalKeeper(Connection& connection, std::atomic<std::uint64_t>& version)
    : connection_(connection), version_(version), checkpoint_at_(checkpoint_pages) {
    // Only this connection checkpoints, and only between batches: two that checkpoint and commit at
    // the same moment can corrupt the file (sqlite.org/wal.html#walresetbug).
    connection_.execute("PRAGMA wal_autocheckpoint = 0");  // first: it removes a hook that is set
    sqlite3_wal_hook(
        connection_.handle(),
        [](void* keeper, sqlite3*, const char*, int pages) {
            auto& self = *static_cast<WalKeeper*>(keeper);
            self.pages_ = pages;
            self.version_.fetch_add(1, std::memory_order_release);  // readers see the commit
            return SQLITE_OK;
        },
        this
    );
}

void WalKeeper::secure() {
    sqlite3_file* wal = nullptr;
    sqlite3_file_control(connection_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (wal == nullptr || wal->pMethods == nullptr) {
        return;
    }
    const auto require = [this](int rc) {
        if (rc != SQLITE_OK) {
            throw Error(rc, connection_.path(), "its WAL cannot be written again");
        }
    };
    sqlite3_int64 size = 0;
    require(wal->pMethods->xFileSize(wal, &size));
    std::vector<char> bytes(static_cast<std::size_t>(std::min(size, rewritten_at_once)));
    for (sqlite3_int64 at = 0; at < size;) {
        const auto part = std::min(size - at, rewritten_at_once);
        require(wal->pMethods->xRead(wal, bytes.data(), static_cast<int>(part), at));
        require(wal->pMethods->xWrite(wal, bytes.data(), static_cast<int>(part), at));
        at += part;
    }
    require(wal->pMethods->xSync(wal, SQLITE_SYNC_FULL));
}

bool WalKeeper::checkpoint() {
    int in_wal = 0;
    int moved = 0;
    const int rc = sqlite3_wal_checkpoint_v2(
        connection_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved
    );
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        spdlog::error(
            "{}: checkpoint: {}", role_of(connection_.path()), sqlite3_errmsg(connection_.handle())
        );
    }
    if ((rc & 0xff) == SQLITE_IOERR) {
        return false;
    }
    const bool complete = rc == SQLITE_OK && in_wal == moved;
    checkpoint_at_ = complete ? checkpoint_pages : pages_ + checkpoint_retry_pages;
    if (complete) {
        pages_ = 0;
        wants_stamp_ = true;
    }
    // As after a commit, so that readers begin new transactions: one that goes on with its old one
    // would keep the next commit from writing the WAL from its beginning again.
    version_.fetch_add(1, std::memory_order_release);
    return true;
}

}  // namespace bookstore::storage
