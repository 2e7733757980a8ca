#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/strand.hpp"
#include "http/message.hpp"
#include "kernel/command.hpp"
#include "kernel/idempotency.hpp"
#include "kernel/lifecycle.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

/// Runs the commands of one context: the begin, what is asked of other contexts, the write in the
/// next group commit, the answer after that. One with an Idempotency-Key is run once a key. One
/// that is dropped on the way, wherever that is, is answered 503. Writes are put off while events
/// wait for too long (bus::Pressure). Any thread.
class CommandPath {
  public:
    /// What it works with. All of it outlives the command path.
    struct Parts {
        const std::string& context;
        storage::Database& database;
        bus::Outbox& outbox;
        bus::Strand& strand;
        const Clock& clock;
        bus::Pressure& pressure;
        const Lifecycle& lifecycle;
    };
    /// `kept_ms`: how long the first answer to a key is kept.
    CommandPath(const Parts& parts, std::int64_t kept_ms);

    /// Runs a command for a request, which lives until it has answered; `done` is called once.
    /// `once`: its Idempotency-Key counts.
    void run(const Command& command, const http::Request& request, bool once, http::Done done);
    /// Runs a write outside of any request; `done` is called on the module's thread.
    void write(Write write, std::function<void(http::Answer)> done, std::string_view trace);

  private:
    class Caller;
    using SharedCaller = std::shared_ptr<Caller>;
    using StateProblem = std::optional<http::Problem> (Lifecycle::*)() const;

    void run_once(const Command& command, const http::Request& request, const SharedCaller& caller);
    void begin(const Command& command, const http::Request& request, const SharedCaller& caller);
    void go_on(Next next, const SharedCaller& caller, const std::string& trace);
    void take(Next next, const SharedCaller& caller, const std::string& trace);
    void write_in_turn(Write write, const SharedCaller& caller, const std::string& trace);
    void submit(
        Write write,
        std::function<void(http::Answer)> done,
        std::string_view trace,
        StateProblem state_problem
    );

    const Parts parts_;
    IdempotencyKeys keys_;
};

}  // namespace bookstore::kernel
