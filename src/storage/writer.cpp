#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "storage/database.hpp"

namespace bookstore::storage {
namespace {

const Sql savepoint{"*", "SAVEPOINT job"};
const Sql release{"*", "RELEASE job"};
const Sql rollback_to{"*", "ROLLBACK TO job"};
const Sql begin_write{"*", "BEGIN IMMEDIATE"};
const Sql commit{"*", "COMMIT"};

constexpr std::size_t max_batch = 1024;       ///< jobs in one transaction
constexpr int checkpoint_pages = 4096;        ///< 16 MiB of WAL
constexpr int checkpoint_retry_pages = 1024;  ///< after one that a reader kept from finishing
constexpr int careful_after_failure = 16;     ///< batches: one failure seldom comes alone
constexpr int busy_timeout_ms = 5000;         ///< another connection recovers the WAL

/// Once, not at every attempt: a log on the same disk must not fill it too.
void log_failure(bool first, const std::string& path, const char* why) {
    spdlog::log(first ? spdlog::level::err : spdlog::level::debug, "{}: {}", path, why);
}

/// After a COMMIT that found the disk full: only a write into the WAL says so, so that the frame
/// which would have made it a commit is not there. Readers stay, as a new opening would need room
/// for its index; false: it has to be opened again all the same.
bool undo_commit(Connection& connection) {
    try {
        if (!connection.autocommit()) {
            connection.execute("ROLLBACK");
        }
        return true;
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

Writer::Writer(std::string path, std::string vfs, std::function<void()> ring)
    : path_(std::move(path)), vfs_(std::move(vfs)), ring_(std::move(ring)) {
    open();
}

Writer::~Writer() = default;

void Writer::open() {
    auto connection = std::make_unique<Connection>(path_, Connection::Mode::read_write, vfs_);
    sqlite3_busy_timeout(connection->handle(), busy_timeout_ms);
    connection->execute("PRAGMA temp_store = MEMORY");
    const auto mode = connection->query_text("PRAGMA journal_mode = WAL");
    if (mode != "wal") {
        throw Refused(path_ + ": the file system does not support SQLite's WAL mode");
    }
    // Only this connection checkpoints, and only between batches: two that checkpoint and commit at
    // the same moment can corrupt the file (sqlite.org/wal.html#walresetbug).
    connection->execute("PRAGMA wal_autocheckpoint = 0");
    connection->execute("PRAGMA synchronous = FULL");
    connection->execute("PRAGMA secure_delete = OFF");
    synchronous_full_ = true;
    wal_pages_ = 0;
    checkpoint_at_ = checkpoint_pages;
    sqlite3_wal_hook(
        connection->handle(),
        [](void* writer, sqlite3*, const char*, int pages) {
            auto& self = *static_cast<Writer*>(writer);
            self.wal_pages_ = pages;
            self.version_.fetch_add(1, std::memory_order_release);  // readers see the commit
            return SQLITE_OK;
        },
        this
    );
    connection_ = std::move(connection);
    secure_wal(std::exchange(lost_pages_, true));  // its own sync may be the one that fails
    lost_pages_ = false;
}

void Writer::reopen(bool lost_pages) {
    if (before_checkpoint_) {
        before_checkpoint_();
    }
    {
        const std::scoped_lock lock(opening_);
        // What the close would move into the file may not be what is on disk.
        sqlite3_db_config(connection_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        connection_.reset();
    }
    lost_pages_ = lost_pages_ || lost_pages;
    generation_.fetch_add(1, std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_release);
    open_again();
}

bool Writer::open_again() {
    if (connection_) {
        return true;
    }
    const std::scoped_lock lock(opening_);
    try {
        open();
        return true;
    } catch (const std::exception& error) {
        spdlog::error("cannot open {} again: {}", path_, error.what());
        if (connection_) {
            sqlite3_db_config(connection_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
            connection_.reset();
        }
        return false;
    }
}

void Writer::secure_wal(bool write_again) {
    sqlite3_file* wal = nullptr;
    sqlite3_file_control(connection_->handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (wal == nullptr || wal->pMethods == nullptr) {
        return;
    }
    const auto require = [this](int rc) {
        if (rc != SQLITE_OK) {
            throw Error(rc, path_ + ": its WAL cannot be written again");
        }
    };
    sqlite3_int64 size = 0;
    require(wal->pMethods->xFileSize(wal, &size));
    // SQLite's unix file system takes less than 128 KiB in one write: it masks the length.
    std::vector<char> bytes(std::min<std::size_t>(static_cast<std::size_t>(size), 64 << 10));
    for (sqlite3_int64 at = 0; write_again && at < size;) {
        const auto part = std::min(size - at, static_cast<sqlite3_int64>(bytes.size()));
        require(wal->pMethods->xRead(wal, bytes.data(), static_cast<int>(part), at));
        require(wal->pMethods->xWrite(wal, bytes.data(), static_cast<int>(part), at));
        at += part;
    }
    require(wal->pMethods->xSync(wal, SQLITE_SYNC_FULL));
}

bool Writer::while_open(const std::function<void()>& use) {
    const std::scoped_lock lock(opening_);
    if (connection_) {
        use();
    }
    return connection_ != nullptr;
}

Connection& Writer::connection() {
    assert(connection_);
    return *connection_;
}

void Writer::submit(Job job) {
    bool first = false;
    {
        const std::scoped_lock lock(mutex_);
        first = waiting_.empty();
        waiting_.push_back(std::move(job));
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
    std::vector<Job> jobs;
    {
        const std::scoped_lock lock(mutex_);
        if (waiting_.empty() && connection_) {
            return false;
        }
        if (waiting_.size() <= max_batch) {
            jobs.swap(waiting_);
        } else {
            const auto end = waiting_.begin() + max_batch;
            jobs.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
            waiting_.erase(waiting_.begin(), end);
        }
    }
    if (!open_again()) {
        healthy_ = false;
        fail_all(
            jobs,
            Outcome::Kind::failed,
            std::make_exception_ptr(Error(SQLITE_CANTOPEN, "cannot open " + path_))
        );
        return !jobs.empty();
    }
    if (jobs.empty()) {
        return false;  // it was opened again, for readers
    }
    std::vector<Outcome> outcomes(jobs.size());
    running_ = jobs.size();
    try {
        set_synchronous(unsettled_ || std::ranges::any_of(jobs, &Job::durable));
        run_jobs(jobs, outcomes);
    } catch (const std::exception& error) {
        // The whole transaction is gone: SQLite has rolled it back, or we do. Nobody is
        // acknowledged.
        log_failure(healthy_.exchange(false), path_, error.what());
        try {
            if (!connection_->autocommit()) {
                connection_->execute("ROLLBACK");
            }
        } catch (const Error&) {
            reopen(true);
        }
        fail_all(jobs, Outcome::Kind::failed, std::current_exception());
        return true;
    }
    try {
        const auto began = std::chrono::steady_clock::now();
        connection_->prepare(commit).run();
        auto& times = synchronous_full_ ? stats_.synced : stats_.unsynced;
        times.add(std::chrono::steady_clock::now() - began);
    } catch (const Error& error) {
        log_failure(healthy_.exchange(false), path_, error.what());
        const auto why = std::current_exception();
        if (error.full() && undo_commit(*connection_)) {
            fail_all(jobs, Outcome::Kind::failed, why);
            return true;
        }
        unsettled_ = true;
        if (!error.index_full() || !undo_commit(*connection_)) {
            reopen(true);
        }
        if (after_commit_) {
            after_commit_();
        }
        fail_all(jobs, Outcome::Kind::unknown, why);
        return true;
    }
    healthy_ = true;
    unsettled_ = false;
    stats_.jobs.add(jobs.size());
    if (after_commit_) {
        after_commit_();
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].done(outcomes[i]);
    }
    if (wal_pages_ >= checkpoint_at_) {
        checkpoint();
    }
    return true;
}

void Writer::fail_all(std::vector<Job>& jobs, Outcome::Kind kind, const std::exception_ptr& error) {
    if (!jobs.empty()) {
        stats_.failed_commits.add();
    }
    for (Job& job : jobs) {
        job.done(Outcome{kind, error});
    }
}

void Writer::run_jobs(std::vector<Job>& jobs, std::vector<Outcome>& outcomes) {
    begin();
    if (jobs.size() > 1 && careful_batches_ == 0) {
        if (run_together(jobs, outcomes)) {
            return;
        }
        careful_batches_ = careful_after_failure;
        connection_->execute("ROLLBACK");
        begin();
    }
    careful_batches_ = std::max(careful_batches_ - 1, 0);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        outcomes[i] = run_one(jobs[i]);
    }
}

void Writer::begin() {
    connection_->prepare(begin_write).run();
    if (at_begin_) {
        at_begin_(*connection_);
    }
}

/// Runs the jobs without savepoints, each of which would copy every page that its job touches.
/// false: one failed that had changed something, so that all must be run again, with savepoints.
bool Writer::run_together(std::vector<Job>& jobs, std::vector<Outcome>& outcomes) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::int64_t before = sqlite3_total_changes64(connection_->handle());
        try {
            const bool good = jobs[i].run(*connection_);
            if (connection_->autocommit()) {
                throw Error(SQLITE_ABORT, path_ + ": a job went on without its transaction");
            }
            if (good) {
                continue;
            }
        } catch (const Error& error) {
            if (connection_->autocommit() || !error.constraint()) {
                throw;
            }
            return false;
        } catch (const std::exception&) {
            if (connection_->autocommit()) {
                throw;
            }
            return false;
        }
        if (sqlite3_total_changes64(connection_->handle()) != before) {
            return false;
        }
        outcomes[i].kind = Outcome::Kind::rolled_back;
    }
    return true;
}

Outcome Writer::run_one(Job& job) {
    connection_->prepare(savepoint).run();
    Outcome outcome;
    try {
        if (!job.run(*connection_)) {
            outcome.kind = Outcome::Kind::rolled_back;
        }
    } catch (const Error& error) {
        // SQLITE_FULL, IOERR, NOMEM, INTERRUPT roll back the whole transaction by themselves, and
        // the next SAVEPOINT and RELEASE would then commit on their own: the batch has failed.
        if (connection_->autocommit() || !error.constraint()) {
            throw;
        }
        outcome = {Outcome::Kind::rolled_back, std::current_exception()};
    } catch (const std::exception&) {
        if (connection_->autocommit()) {
            throw;
        }
        outcome = {Outcome::Kind::rolled_back, std::current_exception()};
    }
    if (outcome.kind == Outcome::Kind::rolled_back) {
        connection_->prepare(rollback_to).run();
    }
    connection_->prepare(release).run();
    return outcome;
}

void Writer::set_synchronous(bool full) {
    if (full != synchronous_full_) {
        connection_->execute(full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        synchronous_full_ = full;
    }
}

void Writer::checkpoint() {
    if (before_checkpoint_) {
        before_checkpoint_();
    }
    int in_wal = 0;
    int moved = 0;
    const int rc = sqlite3_wal_checkpoint_v2(
        connection_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved
    );
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        spdlog::error("{}: checkpoint: {}", path_, sqlite3_errmsg(connection_->handle()));
    }
    if ((rc & 0xff) == SQLITE_IOERR) {
        reopen(true);
        return;
    }
    const bool complete = rc == SQLITE_OK && in_wal == moved;
    checkpoint_at_ = complete ? checkpoint_pages : wal_pages_ + checkpoint_retry_pages;
    // Who reads now would keep the next commit from writing the WAL from its begin again.
    version_.fetch_add(1, std::memory_order_release);
    if (complete) {
        wal_pages_ = 0;
    }
}

void Writer::idle() {
    if (connection_ && wal_pages_ > 0) {
        checkpoint();
    }
}

void Writer::flush() {
    if (open_again()) {
        set_synchronous(true);
        checkpoint();
    }
}

}  // namespace bookstore::storage
