#include "storage/submitted_job.hpp"

#include <spdlog/spdlog.h>
#include <sqlite3.h>

namespace bookstore::storage {

void log_thrown(const std::string& by, const std::exception_ptr& error) {
    spdlog::error("{} threw, and the others go on: {}", by, reason_of(error));
}

void SubmittedJob::tell(const Outcome& outcome) noexcept {
    if (std::exchange(untold_, false)) {
        call_and_log("who was told how a write ended", [&] { job_.done(outcome); });
    }
}

void SubmittedJob::drop() noexcept {
    if (untold_) {
        const Error error(SQLITE_ABORT, "it was dropped before it was written: the process ends");
        tell({Outcome::Kind::failed, std::make_exception_ptr(error)});
    }
}

}  // namespace bookstore::storage
