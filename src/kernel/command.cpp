#include "kernel/command.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "storage/fault.hpp"

namespace bookstore::kernel {

http::Problem unavailable(std::string message) {
    return {.status = 503, .message = std::move(message), .headers = {{"Retry-After", "1"}}};
}

http::Problem problem_of(const std::exception_ptr& error, std::string_view doing) {
    try {
        std::rethrow_exception(error);
    } catch (const storage::Error& e) {
        if (e.interrupted()) {
            return unavailable("this took too long and was given up; ask for less at a time");
        }
        if (e.full()) {  // the writer has said so, once
            return problem(507, "the disk is full; nothing was changed");
        }
        spdlog::error("{}: {}", doing, e.what());
        if (e.too_large()) {
            return problem(413, "this is too large to be stored; nothing was changed");
        }
        if (storage::fault_of(e) == storage::Fault::storage) {
            return unavailable(
                e.file().empty()
                    ? "the storage is not available now; nothing was changed"
                    : fmt::format(
                          "the storage ({}) is not available now; nothing was changed", e.file()
                      )
            );
        }
    } catch (const std::exception& e) {
        spdlog::error("{}: {}", doing, e.what());
    } catch (...) {
        spdlog::error("{}: unknown exception", doing);
    }
    return problem(500, "something went wrong here; the log says what");
}

http::Answer answer_of(
    const storage::Outcome& outcome, http::Answer answer, std::string_view doing
) {
    using Kind = storage::Outcome::Kind;
    if (outcome.kind == Kind::unknown) {
        return unavailable(
            "outcome unknown: the storage failed while this was written; repeat the request with "
            "the "
            "same Idempotency-Key"
        );
    }
    if (outcome.error) {
        return problem_of(outcome.error, doing);
    }
    return answer;
}

}  // namespace bookstore::kernel
