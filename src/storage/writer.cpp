#include "storage/writer.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "storage/fault.hpp"
#include "storage/wal_stamp.hpp"

namespace bookstore::storage {
namespace {

const Sql savepoint{"*", "SAVEPOINT job"};
const Sql release{"*", "RELEASE job"};
const Sql rollback_to{"*", "ROLLBACK TO job"};
const Sql begin_write{"*", "BEGIN IMMEDIATE"};
const Sql commit_all{"*", "COMMIT"};

constexpr std::size_t max_batch = 1024;  ///< jobs in one transaction
constexpr int savepoint_batches_after_failure = 16;

}  // namespace

Writer::Writer(std::string path, std::string vfs, std::function<void()> ring)
    : ring_(std::move(ring)),
      file_(std::move(path), std::move(vfs)),
      trouble_(role_of(file_.path())) {}

void Writer::submit(Job job) {
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        first = waiting_.empty();
        waiting_.emplace_back(std::move(job));
    }
    if (first && ring_) {
        ring_();
    }
}

bool Writer::others_wait() {
    const std::scoped_lock lock(mutex_);
    return running_ > 1 || !waiting_.empty();
}

bool Writer::step() {
    const bool did = commit_waiting();
    checkpoint_if_due();
    return did;
}

bool Writer::commit_waiting() {
    Batch batch{.jobs = take_waiting(), .outcomes = {}};
    if (batch.jobs.empty() && file_.is_open()) {
        return false;
    }
    if (!ensure_open(batch.jobs)) {
        return !batch.jobs.empty();
    }
    if (batch.jobs.empty()) {
        return false;  // it was opened again, for readers
    }
    if (!run(batch) || !commit(batch)) {
        return true;
    }
    tell_committed(batch);
    return true;
}

void Writer::commit_now(Job job) {
    Outcome outcome;
    job.done = [&outcome](const Outcome& result) { outcome = result; };
    submit(std::move(job));
    while (commit_waiting()) {
    }
    if (outcome.error) {
        std::rethrow_exception(outcome.error);
    }
}

bool Writer::drop_waiting() {
    bool any = false;
    while (!take_waiting().empty()) {  // each tells as it goes, and may submit another
        any = true;
    }
    return any;
}

// ---- The steps of a batch

std::vector<SubmittedJob> Writer::take_waiting() {
    std::vector<SubmittedJob> jobs;
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() <= max_batch) {
        jobs.swap(waiting_);
    } else {
        const auto end = waiting_.begin() + max_batch;
        jobs.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
        waiting_.erase(waiting_.begin(), end);
    }
    return jobs;
}

bool Writer::ensure_open(std::vector<SubmittedJob>& jobs) {
    if (file_.is_open()) {
        return true;
    }
    if (file_.ensure_open()) {
        call(after_reopening_);
        return true;
    }
    const Error error(SQLITE_CANTOPEN, file_.path(), "cannot be opened");
    trouble_.failed(error.what());
    tell_failed(jobs, Outcome::Kind::failed, std::make_exception_ptr(error));
    return false;
}

/// Everything up to the commit. When it fails, the whole transaction is gone: SQLite has rolled it
/// back, or it is done here. Nobody is acknowledged.
bool Writer::run(Batch& batch) {
    batch.outcomes.resize(batch.jobs.size());
    running_ = batch.jobs.size();
    try {
        file_.sync_commits(
            last_commit_ == LastCommit::unsettled ||
            std::ranges::any_of(batch.jobs, &SubmittedJob::durable)
        );
        run_jobs(batch);
        return true;
    } catch (...) {
        const std::exception_ptr error = std::current_exception();
        trouble_.failed(reason_of(error));
        if (!roll_back()) {
            reopen();
        }
        tell_failed(batch.jobs, Outcome::Kind::failed, error);
        return false;
    }
}

bool Writer::commit(Batch& batch) {
    try {
        const auto began = std::chrono::steady_clock::now();
        file_.connection().prepare(commit_all).run();
        auto& times = file_.commits_are_synced() ? stats_.synced : stats_.unsynced;
        times.add(std::chrono::steady_clock::now() - began);
    } catch (const std::exception& error) {
        trouble_.failed(error.what());
        const Outcome::Kind kind = settle_failed_commit(error);
        if (kind == Outcome::Kind::unknown) {
            call(after_commit_);
        }
        tell_failed(batch.jobs, kind, std::current_exception());
        return false;
    }
    trouble_.succeeded();
    last_commit_ = LastCommit::settled;
    if (stamps_) {
        file_.wal().stamped();
    }
    stats_.jobs.add(batch.jobs.size());
    return true;
}

void Writer::tell_committed(Batch& batch) {
    call(after_commit_);
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
        batch.jobs[i].tell(batch.outcomes[i]);
    }
}

void Writer::tell_failed(
    std::vector<SubmittedJob>& jobs, Outcome::Kind kind, const std::exception_ptr& error
) {
    if (!jobs.empty()) {
        stats_.failed_commits.add();
    }
    for (SubmittedJob& job : jobs) {
        job.tell(Outcome{kind, error});
    }
}

void Writer::call(const std::function<void()>& hook) {
    if (hook) {
        call_and_log("a hook of " + role_of(file_.path()), hook);
    }
}

// ---- Running the jobs

void Writer::begin() {
    file_.connection().prepare(begin_write).run();
    stamps_ = file_.wal().wants_stamp();
    if (stamps_) {
        stamp(file_.connection());
    }
    if (at_begin_) {
        at_begin_(file_.connection());
    }
}

void Writer::run_jobs(Batch& batch) {
    begin();
    if (batch.jobs.size() > 1 && batches_with_savepoints_ == 0) {
        if (run_together(batch)) {
            return;
        }
        batches_with_savepoints_ = savepoint_batches_after_failure;
        file_.connection().execute("ROLLBACK");
        begin();
    }
    batches_with_savepoints_ = std::max(batches_with_savepoints_ - 1, 0);
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
        batch.outcomes[i] = run_in_savepoint(batch.jobs[i]);
    }
}

/// Runs the jobs without savepoints, each of which would copy every page that its job touches.
/// false: one failed that had changed something, so that all must be run again, with savepoints.
bool Writer::run_together(Batch& batch) {
    Connection& connection = file_.connection();
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
        const std::int64_t before = sqlite3_total_changes64(connection.handle());
        try {
            const bool good = batch.jobs[i].run(connection);
            if (connection.autocommit()) {
                throw Error(SQLITE_ABORT, file_.path(), "a job went on without its transaction");
            }
            if (good) {
                continue;
            }
        } catch (...) {
            if (fault_of(std::current_exception(), connection) == Fault::storage) {
                throw;
            }
            return false;
        }
        if (sqlite3_total_changes64(connection.handle()) != before) {
            return false;
        }
        batch.outcomes[i].kind = Outcome::Kind::rolled_back;
    }
    return true;
}

Outcome Writer::run_in_savepoint(SubmittedJob& job) {
    Connection& connection = file_.connection();
    connection.prepare(savepoint).run();
    Outcome outcome;
    try {
        if (!job.run(connection)) {
            outcome.kind = Outcome::Kind::rolled_back;
        }
    } catch (...) {
        if (fault_of(std::current_exception(), connection) == Fault::storage) {
            throw;
        }
        outcome = {Outcome::Kind::rolled_back, std::current_exception()};
    }
    if (outcome.kind == Outcome::Kind::rolled_back) {
        connection.prepare(rollback_to).run();
    }
    connection.prepare(release).run();
    return outcome;
}

// ---- After an error

/// What became of a transaction whose COMMIT failed; after it the next one can begin.
Outcome::Kind Writer::settle_failed_commit(const std::exception& error) {
    const auto* const from_sqlite = dynamic_cast<const Error*>(&error);
    // Only a write into the WAL finds the disk full, so that the frame which would have made it a
    // commit is not there. The file stays open: opening it again would need room for its index.
    if (from_sqlite != nullptr && from_sqlite->full() && roll_back()) {
        return Outcome::Kind::failed;
    }
    last_commit_ = LastCommit::unsettled;
    // No room for the index now: the commit may be in the WAL, but this connection goes on.
    if (from_sqlite == nullptr || !from_sqlite->index_full() || !roll_back()) {
        reopen();
    }
    return Outcome::Kind::unknown;
}

/// Ends the transaction, if SQLite has not. false: the file has to be opened again.
bool Writer::roll_back() {
    Connection& connection = file_.connection();
    try {
        if (!connection.autocommit()) {
            connection.execute("ROLLBACK");
        }
        return true;
    } catch (const Error&) {
        return false;
    }
}

void Writer::reopen() {
    call(before_checkpoint_);
    file_.reopen();
    if (file_.is_open()) {
        call(after_reopening_);
    }
}

// ---- The WAL

void Writer::checkpoint_if_due() {
    if (file_.is_open() && file_.wal().checkpoint_is_due()) {
        checkpoint();
    }
}

void Writer::checkpoint() {
    call(before_checkpoint_);
    if (!file_.wal().checkpoint()) {
        reopen();
    }
}

void Writer::idle() {
    if (file_.is_open() && !file_.wal().empty()) {
        checkpoint();
    }
}

void Writer::flush() {
    if (file_.ensure_open()) {
        file_.sync_commits(true);
        checkpoint();
    }
}

}  // namespace bookstore::storage
