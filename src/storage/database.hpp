#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/connection.hpp"
#include "storage/writer_stats.hpp"

namespace bookstore::storage {

/// How a job of the writer ended.
struct Outcome {
    enum class Kind {
        committed,    ///< on disk (a durable job), or in the WAL (another)
        rolled_back,  ///< it said so itself, or it threw; its effects alone are gone
        failed,       ///< storage refused; nothing of the batch was committed
        unknown,      ///< the commit itself failed; a later look at the file tells
    };
    Kind kind = Kind::committed;
    std::exception_ptr error;  ///< what was thrown, if anything
};

/// One write, to be run inside the next group commit.
struct Job {
    /// The commit must be synced before `done`: it holds an acknowledged write, an outbox row or an
    /// intent. What can be replayed from a cursor in the same file need not be.
    bool durable = true;
    /// false, or an exception: its effects alone are rolled back. It may be run a second time, on
    /// what was before its first: when another one of its batch has failed.
    std::move_only_function<bool(Connection&)> run;
    /// Told after the commit, on the writer's thread. It must not throw.
    std::move_only_function<void(const Outcome&)> done;
};

/// The one writer of a file, with group commit: all jobs that wait are one transaction.
/// submit() from any thread; everything else from the thread that steps it.
class Writer {
  public:
    Writer(std::string path, std::string vfs, std::function<void()> ring);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void submit(Job job);
    /// Commits what waits, at most one batch. false when nothing waited.
    bool step();
    /// Moves the WAL into the file when nothing else is to be done. Cheap when it is empty.
    void idle();
    /// Syncs and moves the WAL: after it, nothing depends on a `NORMAL` commit.
    void flush();

    /// Run at the begin of every transaction.
    void at_begin(std::function<void(Connection&)> hook) { at_begin_ = std::move(hook); }
    /// Run after every commit, and after one whose outcome is unknown, before the jobs are told.
    void after_commit(std::function<void()> hook) { after_commit_ = std::move(hook); }

    /// Run before the WAL is moved into the file and before the file is closed to be opened again:
    /// whoever keeps an idle read transaction lets it go.
    void before_checkpoint(std::function<void()> hook) { before_checkpoint_ = std::move(hook); }

    /// The connection, for what must happen between two batches (migrations, schema).
    Connection& connection();
    /// Counts reopenings: readers of an older generation are dropped.
    std::uint64_t generation() const { return generation_.load(std::memory_order_relaxed); }
    /// Grows with everything that readers may see, before anybody is told of it: a read transaction
    /// that began at the same version sees what a new one would.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
    /// Runs `use` while the file is open here and its WAL is secured; false, without running it,
    /// when it is not. A reader that were the first to open the file would show what is not on
    /// disk.
    bool while_open(const std::function<void()>& use);
    /// Step it in a while, though nothing waits: the file could not be opened again. Writer's
    /// thread.
    bool wants_opening() const { return connection_ == nullptr; }
    /// Somebody waits for the transaction that is under way, or for the next: a long job ends soon
    /// when it is asked for. Writer's thread, inside a job.
    bool others_wait();
    /// The storage accepted the last batch.
    bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
    /// Any thread.
    const WriterStats& stats() const { return stats_; }

  private:
    void open();
    void reopen(bool lost_pages);
    bool open_again();
    /// Syncs the WAL before anybody reads it: what an earlier process committed there, but did not
    /// come to sync, is acted on by others from now on, so it must not be lost with the power.
    /// `write_again`: a sync that failed may have lost for good what it was to write (Linux marks
    /// such pages clean, and a later sync succeeds without them); later commits stand behind them.
    void secure_wal(bool write_again);
    void fail_all(std::vector<Job>& jobs, Outcome::Kind kind, const std::exception_ptr& error);
    void run_jobs(std::vector<Job>& jobs, std::vector<Outcome>& outcomes);
    void begin();
    bool run_together(std::vector<Job>& jobs, std::vector<Outcome>& outcomes);
    Outcome run_one(Job& job);
    void set_synchronous(bool full);
    void checkpoint();

    std::string path_;
    std::string vfs_;
    std::function<void()> ring_;
    std::function<void(Connection&)> at_begin_;
    std::function<void()> after_commit_;
    std::function<void()> before_checkpoint_;
    std::mutex opening_;
    std::unique_ptr<Connection> connection_;  ///< made and reset under opening_
    std::mutex mutex_;
    std::vector<Job> waiting_;  ///< guarded by mutex_
    bool synchronous_full_ = true;
    int wal_pages_ = 0;
    int checkpoint_at_ = 0;
    std::size_t running_ = 0;  ///< jobs of the transaction under way
    int careful_batches_ = 0;  ///< so many more are run with a savepoint a job
    /// The last commit's outcome is unknown: the next one is synced whatever it holds, so that
    /// after a power loss the WAL cannot end with the former in the place of the latter.
    bool unsettled_ = false;
    /// The WAL must be written again: a sync failed, or a process before this one may have died of
    /// it.
    bool lost_pages_ = true;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<std::uint64_t> version_{0};
    std::atomic<bool> healthy_{true};
    WriterStats stats_;
};

class Database;

/// A read connection, taken on loan when it is first used (which may throw Error) and given back
/// when it goes; one thread. All its statements see the same state, with everything in it that was
/// committed before its first use. Not longer than a request or a batch, or the WAL cannot be moved
/// into the file.
class Reader {
  public:
    explicit Reader(Database& database) : database_(database) {}
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Connection& operator*() const { return *operator->(); }
    Connection* operator->() const;

  private:
    friend class Database;
    /// A connection with an open read transaction.
    struct Held {
        std::unique_ptr<Connection> connection;
        std::uint64_t generation = 0;
        std::uint64_t version = 0;  ///< the writer's, when the transaction began
    };

    Database& database_;
    mutable Held held_;
};

/// One SQLite file: its writer and its pool of readers, migrated when it is constructed.
class Database {
  public:
    struct Options {
        std::string path;
        std::string vfs;                      ///< empty: SQLite's default
        std::vector<std::string> migrations;  ///< sources, in order
        std::function<void()> ring;           ///< told when a job was submitted
        std::int64_t now_ms = 0;              ///< when the migrations are applied
        int read_limit_ms = 250;              ///< a reader's statement is interrupted after it
    };

    /// Throws Refused or Error.
    explicit Database(Options options);
    /// Readers go first, the writer last. Every Reader must have been given back.
    ~Database();

    Writer& writer() { return *writer_; }
    /// Any thread.
    Reader read() { return Reader(*this); }

  private:
    friend class Reader;
    Reader::Held lend();
    Reader::Held take_idle();
    Reader::Held open_reader();
    void give_back(Reader::Held held);
    void end_idle_reads();

    Options options_;
    std::unique_ptr<Writer> writer_;
    std::mutex mutex_;
    /// Each keeps its read transaction while nothing is committed: beginning one costs two locks of
    /// the file, more than a point read. Guarded by mutex_.
    std::vector<Reader::Held> idle_readers_;
};

/// Holds a data directory for this process alone (flock on DIR/lock), for life.
/// Makes the directory when it is missing. Throws Refused.
class DirectoryLock {
  public:
    explicit DirectoryLock(const std::string& directory);
    ~DirectoryLock();
    DirectoryLock(const DirectoryLock&) = delete;
    DirectoryLock& operator=(const DirectoryLock&) = delete;

  private:
    int fd_ = -1;
};

/// Of the SQLite that runs, "3.40.1".
std::string_view sqlite_version();

/// Makes the directory's entries themselves durable. Call after files were made in it.
void sync_directory(const std::string& directory);

}  // namespace bookstore::storage
