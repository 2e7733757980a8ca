#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "storage/connection.hpp"
#include "storage/submitted_job.hpp"
#include "storage/trouble.hpp"
#include "storage/writer_file.hpp"
#include "storage/writer_stats.hpp"

namespace bookstore::storage {

/// The one writer of a file, with group commit: all jobs that wait are one transaction.
/// On the thread that steps it, unless said otherwise. An error of the storage is not thrown: the
/// jobs are told, and the next step goes on.
class Writer {
  public:
    /// Opens the file. `ring` is called by submit() when there is something to step for. Throws
    /// Refused or Error.
    Writer(std::string path, std::string vfs, std::function<void()> ring);
    /// Drops what waits.
    ~Writer() { drop_waiting(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Any thread; never waits for the storage.
    void submit(Job job);
    /// commit_waiting(), then checkpoint_if_due().
    bool step();
    /// Commits what waits, at most one batch, and tells. false when nothing waited.
    bool commit_waiting();
    /// Commits it, after all that waits, and throws what it ended with; its `done` is not called.
    /// Not inside a job, nor while one is told how it ended.
    void commit_now(Job job);
    /// Moves the WAL into the file when it has become long, which takes some ms: after whoever was
    /// told of a commit was sent on its way.
    void checkpoint_if_due();
    /// What waits is told that it failed, and nothing of it is written: the process ends. Before
    /// whoever submitted it goes. false when nothing waited.
    bool drop_waiting();
    /// Moves the WAL into the file when nothing else is to be done. Cheap when it is empty.
    void idle();
    /// Syncs and moves the WAL: after it, nothing depends on a `NORMAL` commit. Throws Error.
    void flush();

    /// Run at the begin of every transaction. An exception fails the batch.
    void at_begin(std::function<void(Connection&)> hook) { at_begin_ = std::move(hook); }
    /// Run after every commit, and after one whose outcome is unknown, before the jobs are told.
    /// What it throws is logged.
    void after_commit(std::function<void()> hook) { after_commit_ = std::move(hook); }
    /// Run before the WAL is moved into the file and before the file is closed to be opened again:
    /// whoever keeps an idle read transaction lets it go. What it throws is logged.
    void before_checkpoint(std::function<void()> hook) { before_checkpoint_ = std::move(hook); }
    /// Called when the file was opened again after an error. A commit that failed and was not to be
    /// seen since may be there now: it was in the WAL, but while a reader held the WAL's index open
    /// nobody looked for it.
    void after_reopening(std::function<void()> hook) { after_reopening_ = std::move(hook); }

    /// The connection, for what must happen between two batches (migrations, schema). Not while
    /// wants_opening().
    Connection& connection() { return file_.connection(); }
    /// Step it in a while, though nothing waits: the file could not be opened again.
    bool wants_opening() const { return !file_.is_open(); }
    /// Others wait for the transaction that is under way, or for the next: a long job that asks
    /// should end soon. Inside a job.
    bool others_wait();

    /// Counts reopenings: readers of an older generation are dropped. Any thread.
    std::uint64_t generation() const { return file_.generation(); }
    /// Grows with everything that readers may see, before anybody is told of it: a read transaction
    /// that began at the same version sees what a new one would. Any thread.
    std::uint64_t version() const { return file_.version(); }
    /// Runs `use` while the file is open here and its WAL is secured; false, without running it,
    /// when it is not. A reader that were the first to open the file would show what is not on
    /// disk. Any thread.
    bool while_open(const std::function<void()>& use) { return file_.while_open(use); }
    /// The storage accepted the last batch. Any thread.
    bool healthy() const { return trouble_.healthy(); }
    /// Any thread.
    const WriterStats& stats() const { return stats_; }

  private:
    /// The jobs of one transaction, and how each ended inside it.
    struct Batch {
        std::vector<SubmittedJob> jobs;
        std::vector<Outcome> outcomes;
    };
    enum class LastCommit {
        settled,  ///< it is known how it ended, and the WAL on disk says the same
        /// It may be in the WAL, or not. The next commit is synced whatever it holds: it may take
        /// the same place in the WAL, and after a power loss the former must not be found there.
        unsettled,
    };

    // commit_waiting() in its order. Those that return bool have told the jobs of the failure when
    // false.
    std::vector<SubmittedJob> take_waiting();
    bool ensure_open(std::vector<SubmittedJob>& jobs);
    bool run(Batch& batch);
    bool commit(Batch& batch);
    void tell_committed(Batch& batch);

    void begin();
    void run_jobs(Batch& batch);
    bool run_together(Batch& batch);
    Outcome run_in_savepoint(SubmittedJob& job);
    Outcome::Kind settle_failed_commit(const std::exception& error);
    void tell_failed(
        std::vector<SubmittedJob>& jobs, Outcome::Kind kind, const std::exception_ptr& error
    );
    void call(const std::function<void()>& hook);

    bool roll_back();
    void reopen();
    void checkpoint();

    std::function<void()> ring_;
    std::function<void(Connection&)> at_begin_;
    std::function<void()> after_commit_;
    std::function<void()> before_checkpoint_;
    std::function<void()> after_reopening_;
    std::mutex mutex_;
    std::vector<SubmittedJob> waiting_;  ///< guarded by mutex_
    WriterFile file_;
    std::size_t running_ = 0;  ///< jobs of the transaction under way
    bool stamps_ = false;      ///< the transaction under way gives the file a new stamp
    /// So many more batches are run with a savepoint for each job: one failure seldom comes alone.
    int batches_with_savepoints_ = 0;
    LastCommit last_commit_ = LastCommit::settled;
    StorageTrouble trouble_;
    WriterStats stats_;
};

}  // namespace bookstore::storage
