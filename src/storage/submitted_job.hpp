#pragma once

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "storage/connection.hpp"

namespace bookstore::storage {

/// How a job of the writer ended.
struct Outcome {
    enum class Kind {
        committed,    ///< on disk (a durable job), or in the WAL (another)
        rolled_back,  ///< it returned false or threw; its effects alone are gone
        failed,       ///< the storage failed; nothing of the batch was committed
        unknown,      ///< COMMIT failed: it may be on disk or not; reading the file shows it
    };
    Kind kind = Kind::committed;
    std::exception_ptr error;  ///< what was thrown, if anything
};

/// One write, to be run inside the next group commit.
struct Job {
    /// The commit must be synced before `done`: it holds an acknowledged write, an outbox row or an
    /// intent. What can be replayed from a cursor in the same file need not be.
    bool durable = true;
    /// false, or an exception that is the job's fault (fault.hpp): its effects alone are rolled
    /// back. It may be run a second time, on what was before its first: when another one of its
    /// batch has failed.
    std::move_only_function<bool(Connection&)> run;
    /// Told once how it ended, after the commit, on the writer's thread (of a job that is dropped,
    /// on the thread that ends the writer). What it throws is logged.
    std::move_only_function<void(const Outcome&)> done;
};

/// Logs what was thrown by who was told of something: nobody is there to catch it.
void log_thrown(const std::string& by, const std::exception_ptr& error);

/// Calls `callback`, and logs what it throws: others wait for their turn.
template <class Callback>
void call_and_log(const std::string& who, const Callback& callback) noexcept {
    try {
        callback();
    } catch (...) {
        log_thrown(who, std::current_exception());
    }
}

/// A job on its way through the writer. It is told exactly once: one that is dropped on the way is
/// told that it failed.
class SubmittedJob {
  public:
    explicit SubmittedJob(Job job) : job_(std::move(job)) {}
    ~SubmittedJob() { drop(); }
    SubmittedJob(SubmittedJob&& other) noexcept
        : job_(std::move(other.job_)), untold_(std::exchange(other.untold_, false)) {}
    SubmittedJob& operator=(SubmittedJob&& other) noexcept {
        std::swap(job_, other.job_);
        std::swap(untold_, other.untold_);
        return *this;
    }
    SubmittedJob(const SubmittedJob&) = delete;
    SubmittedJob& operator=(const SubmittedJob&) = delete;

    bool durable() const { return job_.durable; }
    bool run(Connection& connection) { return job_.run(connection); }
    void tell(const Outcome& outcome) noexcept;

  private:
    void drop() noexcept;

    Job job_;
    bool untold_ = true;
};

}  // namespace bookstore::storage
