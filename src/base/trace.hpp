#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/key.hpp"

// W3C Trace Context (level 1): which request a thing goes back to.
//
// What is stored with an event or an intent is a `trace`: the traceparent as it was received (55
// characters, "00-..."), or, of a request that brought none, 15 hex digits made here. The latter
// stand for a trace id padded with zeros on the left, as the specification has it of systems with
// shorter identifiers: they are in every row down the chain, and a std::string holds so much
// without an allocation.

namespace bookstore {

/// A new trace, of a request that brought none.
std::string new_trace(Random& random);
/// The 32 hex digits that logs and answers show; empty when there is none.
std::string trace_id_of(std::string_view trace);
/// The header traceparent of a call made on its behalf; empty when there is none. One that was
/// received goes on as it came: no span is recorded here that could stand between.
std::string traceparent_of(std::string_view trace);
/// The header traceresponse (W3C, draft) that tells a client the trace of its request.
std::string traceresponse_of(std::string_view trace, Random& random);

/// What a thread is doing, for the lines that it logs meanwhile.
struct LogContext {
    std::string_view trace{};
    std::string_view key{};    ///< of the event, as text; empty: none
    std::string_view event{};  ///< that is handled; empty: none
    std::string_view task{};   ///< whose intent is carried out; empty: none
    Key subject{};             ///< of the intent: what it is about
};

/// While it lives, what this thread logs is said to belong to that context, which outlives it.
/// Nothing is formatted before a line is written.
class LogScope {
  public:
    explicit LogScope(const LogContext& context);
    ~LogScope();
    LogScope(const LogScope&) = delete;
    LogScope& operator=(const LogScope&) = delete;

  private:
    const LogContext* before_;
};

/// Of this thread; null outside of any.
const LogContext* log_context();
/// traceparent_of the trace of log_context(): for a request to another process. Empty when there is
/// none.
std::string current_traceparent();

}  // namespace bookstore
