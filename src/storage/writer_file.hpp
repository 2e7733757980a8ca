#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "storage/connection.hpp"
#include "storage/wal_keeper.hpp"

namespace bookstore::storage {

/// The file as its writer has it: opened, set up for group commit, its WAL secured before anybody
/// reads it; and opened again after an error that left unknown what is on disk.
/// Writer's thread, unless said otherwise.
class WriterFile {
  public:
    /// Opens the file. Throws Refused or Error.
    WriterFile(std::string path, std::string vfs);
    WriterFile(const WriterFile&) = delete;
    WriterFile& operator=(const WriterFile&) = delete;

    const std::string& path() const { return path_; }
    /// false after it could not be opened again: then ensure_open() is to be tried in a while.
    bool is_open() const { return opening_ != nullptr; }
    /// While it is open (asserted).
    Connection& connection() { return opening().connection; }
    /// While it is open (asserted). A new one after each reopening.
    WalKeeper& wal() { return opening().wal; }

    /// Opens it if it is not open. false: it cannot be, which is logged.
    bool ensure_open();
    /// Closes it, and tries to open it: what is in memory may not be what is on disk. It may be
    /// closed after that. Idle read transactions must have been ended.
    void reopen();

    /// Whether COMMIT waits until the WAL is on disk (PRAGMA synchronous: FULL or NORMAL). Between
    /// two transactions. Throws Error.
    void sync_commits(bool sync);
    bool commits_are_synced() { return opening().commits_are_synced; }

    /// Runs `use` while the file is open here and its WAL is secured; false, without running it,
    /// when it is not. A reader that were the first to open the file would show what is not on
    /// disk. Any thread.
    bool while_open(const std::function<void()>& use);
    /// Counts reopenings: readers of an older generation are dropped. Any thread.
    std::uint64_t generation() const { return generation_.load(std::memory_order_relaxed); }
    /// Grows with everything that readers may see. Any thread.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  private:
    /// What lives from one opening to the next.
    struct Opening {
        /// Complete when the WAL is secured. Throws Refused or Error, and leaves the WAL where it
        /// is.
        Opening(
            const std::string& path, const std::string& vfs, std::atomic<std::uint64_t>& version
        );
        void move_wal_on_close(bool move);

        Connection connection;
        WalKeeper wal;
        bool commits_are_synced = true;
    };
    Opening& opening() {
        assert(opening_);
        return *opening_;
    }

    std::string path_;
    std::string vfs_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<std::uint64_t> version_{0};
    std::mutex mutex_;
    std::unique_ptr<Opening> opening_;  ///< changed under mutex_
};

}  // namespace bookstore::storage
