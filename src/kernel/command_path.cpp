#include "kernel/command_path.hpp"

#include <optional>
#include <utility>

#include "base/trace.hpp"
#include "bus/unit_of_work.hpp"

namespace bookstore::kernel {
namespace {

bool is_failure(const http::Answer& answer) {
    const auto* response = std::get_if<http::Response>(&answer);
    return response == nullptr || response->status >= 400;
}

using Claim = std::shared_ptr<IdempotencyKeys::Claim>;

/// The same step, but its write also stores its answer under the key.
Next recording(Next next, const Claim& claim) {
    if (auto* ask = std::get_if<Ask>(&next.step)) {
        next.step = Ask{[run = std::move(ask->run), claim](const Continue& go_on) {
            run([go_on, claim](Next after) { go_on(recording(std::move(after), claim)); });
        }};
    } else if (auto* write = std::get_if<Write>(&next.step)) {
        next.step = Write{[write = std::move(*write), claim](bus::UnitOfWork& work) {
            http::Answer answer = write(work);
            if (!is_failure(answer)) {
                claim->record(work.db(), std::get<http::Response>(answer));
            }
            return answer;
        }};
    }
    return next;
}

}  // namespace

CommandPath::CommandPath(const Parts& parts, std::int64_t kept_ms)
    : parts_(parts), keys_(parts.database, parts.clock, kept_ms) {}

void CommandPath::run(
    const Command& command, const http::Request& request, bool once, http::Done done
) {
    if (auto problem = parts_.lifecycle.write_problem()) {
        done(std::move(*problem));
        return;
    }
    parts_.pressure.command_began();
    auto counted = [this, done = std::move(done)](http::Answer answer) {
        parts_.pressure.command_ended();
        done(std::move(answer));
    };
    if (once) {
        run_once(command, request, std::move(counted));
    } else {
        begin(command, request, std::move(counted));
    }
}

/// A request whose Idempotency-Key was answered before is answered so again.
void CommandPath::run_once(const Command& command, const http::Request& request, http::Done done) {
    std::expected<Claim, http::Answer> claimed;
    try {
        claimed = keys_.claim(request);
    } catch (...) {
        claimed = std::unexpected(problem_of(std::current_exception(), request.target));
    }
    if (!claimed) {
        done(std::move(claimed.error()));
        return;
    }
    const auto claim = std::move(*claimed);
    if (!claim) {
        begin(command, request, std::move(done));
        return;
    }
    const Command recorded = [&command, claim](
                                 const http::Request& r, const storage::Reader& reader
                             ) { return recording(command(r, reader), claim); };
    begin(recorded, request, [claim, done = std::move(done)](http::Answer answer) {
        claim->release();
        done(std::move(answer));
    });
}

void CommandPath::begin(const Command& command, const http::Request& request, http::Done done) {
    const auto shared = std::make_shared<const http::Done>(std::move(done));
    const LogContext context{.trace = request.trace};
    const LogScope scope(context);
    try {
        std::optional<Next> next;
        {
            const storage::Reader reader = parts_.database.read();
            next.emplace(command(request, reader));
        }
        go_on(std::move(*next), shared, request.trace);
    } catch (...) {
        (*shared)(problem_of(std::current_exception(), request.target));
    }
}

void CommandPath::go_on(Next next, SharedDone done, std::string trace) {
    if (auto* response = std::get_if<http::Response>(&next.step)) {
        (*done)(std::move(*response));
    } else if (auto* problem = std::get_if<http::Problem>(&next.step)) {
        (*done)(std::move(*problem));
    } else if (auto* ask = std::get_if<Ask>(&next.step)) {
        ask->run([this, done, trace](Next after) { go_on(std::move(after), done, trace); });
    } else {
        write_in_turn(std::move(std::get<Write>(next.step)), std::move(done), std::move(trace));
    }
}

/// Submits the write now; or later, when events have waited for so long that writes are put off.
void CommandPath::write_in_turn(Write write, SharedDone done, std::string trace) {
    auto write_now = [this, write = std::move(write), done = std::move(done), trace] {
        submit(
            write,
            [done](http::Answer answer) { (*done)(std::move(answer)); },
            trace,
            &Lifecycle::write_problem
        );
    };
    const std::int64_t delay_ms = parts_.pressure.delay_ms();
    if (delay_ms == 0) {
        write_now();
        return;
    }
    // While it waits it is not a command for which others give way.
    parts_.pressure.command_ended();
    parts_.strand.after(delay_ms, [this, write_now = std::move(write_now)] {
        parts_.pressure.command_began();
        write_now();
    });
}

void CommandPath::write(
    Write write, std::function<void(http::Answer)> done, std::string_view trace
) {
    submit(std::move(write), std::move(done), trace, &Lifecycle::read_problem);
}

/// `state_problem` is asked when the write runs, on the module's thread, since the module may have
/// been stopped after the write was submitted.
void CommandPath::submit(
    Write write,
    std::function<void(http::Answer)> done,
    std::string_view trace,
    StateProblem state_problem
) {
    struct Running {
        Write write;
        std::function<void(http::Answer)> done;
        std::string trace;
        http::Answer answer;
    };
    auto running =
        std::make_shared<Running>(Running{std::move(write), std::move(done), std::string(trace), {}}
        );
    parts_.database.writer().submit({
        .durable = true,
        .run =
            [this, running, state_problem](storage::Connection& db) {
                if (auto problem = (parts_.lifecycle.*state_problem)()) {
                    running->answer = std::move(*problem);
                    return false;
                }
                const LogContext context{.trace = running->trace};
                const LogScope scope(context);
                bus::UnitOfWork work(db, parts_.outbox, parts_.clock, running->trace);
                running->answer = running->write(work);
                return !is_failure(running->answer);
            },
        .done =
            [this, running](const storage::Outcome& outcome) {
                running->done(answer_of(outcome, std::move(running->answer), parts_.context));
            },
    });
}

}  // namespace bookstore::kernel
