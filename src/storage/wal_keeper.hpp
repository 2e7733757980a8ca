#pragma once

#include <atomic>
#include <cstdint>

#include "storage/connection.hpp"

namespace bookstore::storage {

/// Keeps the write-ahead log (WAL) of the writer's connection: makes it safe to read when the file
/// was opened, counts its pages, and moves them into the file (a checkpoint) when they are many.
/// One for each opening of the file. Writer's thread.
class WalKeeper {
  public:
    /// From now on SQLite does not checkpoint by itself when it commits, and every commit of
    /// `connection` adds one to `version`, before anybody is told of it. Throws Error.
    WalKeeper(Connection& connection, std::atomic<std::uint64_t>& version);
    WalKeeper(const WalKeeper&) = delete;
    WalKeeper& operator=(const WalKeeper&) = delete;

    /// Writes the WAL again as it is, and syncs it. Before anybody reads: what an earlier process
    /// committed there, but did not come to sync, is acted on by others from now on, so it must not
    /// be lost with the power. It is written again because a sync that failed may have lost for
    /// good what it was to write (Linux marks such pages clean, and a later sync succeeds without
    /// them), and later commits stand after it. Throws Error.
    void secure();

    /// The next transaction is, or may be, the first one in this WAL: it is to stamp the file
    /// (storage/wal_stamp.hpp).
    bool wants_stamp() const { return wants_stamp_; }
    /// A transaction that did was committed.
    void stamped() { wants_stamp_ = false; }

    /// Nothing was committed since the last checkpoint that moved everything.
    bool empty() const { return pages_ == 0; }
    /// So many pages that they are to be moved even while others wait.
    bool checkpoint_is_due() const { return pages_ >= checkpoint_at_; }

    /// Syncs the WAL and moves into the file what no reader keeps from being moved. Not inside a
    /// transaction.
    /// false: an I/O error; what was synced is not known, so the file has to be opened again.
    bool checkpoint();

  private:
    Connection& connection_;
    std::atomic<std::uint64_t>& version_;
    int pages_ = 0;
    int checkpoint_at_;
    bool wants_stamp_ = true;
};

}  // namespace bookstore::storage
