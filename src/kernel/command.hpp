#pragma once

#include <expected>
#include <functional>
#include <string>
#include <variant>

#include "bus/unit_of_work.hpp"
#include "http/message.hpp"

namespace bookstore::kernel {

/// A Problem without field errors.
inline http::Problem problem(int status, std::string message) {
    return {.status = status, .message = std::move(message)};
}
/// 503 with Retry-After.
http::Problem unavailable(std::string message);

/// Reads and answers. It runs on an I/O thread, in its own read connection.
using Query = std::function<http::Answer(const http::Request&, storage::Connection&)>;

struct Next;
using Continue = std::function<void(Next)>;

/// The write of a command. It checks again what it relies on in its own file, which may have
/// changed since it was read. What it answers with a status of 400 or more is rolled back; the
/// answer is given after the commit. It runs on the module's thread, twice when another write of
/// its batch failed: what it does besides the transaction must bear that.
using Write = std::function<http::Answer(bus::UnitOfWork&)>;

/// Asks other contexts, outside of any transaction, and goes on with what they said.
struct Ask {
    std::function<void(Continue)> run;
};

/// How a command goes on: an answer without a write, a question, or the write.
struct Next {
    std::variant<http::Response, http::Problem, Ask, Write> step;
};

/// The begin of a command, with a short read transaction if it wants one; it runs on an I/O thread.
/// The request lives until the command has answered.
using Command = std::function<Next(const http::Request&, const storage::Reader&)>;

/// What an exception means to a client: an error of the storage (storage/fault.hpp) is 503 and
/// names the file (507 when the disk is full), a value that is too large for it 413, anything else
/// 500; the detail is logged, not shown.
http::Problem problem_of(const std::exception_ptr& error, std::string_view doing);

/// What the end of a job means to a client whose write answered `answer`.
http::Answer answer_of(
    const storage::Outcome& outcome, http::Answer answer, std::string_view doing
);

}  // namespace bookstore::kernel
