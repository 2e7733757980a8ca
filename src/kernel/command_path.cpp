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

/// Who waits for the answer of one command; given it once. When it is forgotten unanswered, it is
/// told so. A command works, and others give way to it, but for while it waits for something else
/// than its turn on the cores.
class CommandPath::Caller {
  public:
    Caller(http::Done done, bus::Pressure& pressure) : done_(std::move(done)), pressure_(pressure) {
        goes_on();
    }
    ~Caller() {
        storage::call_and_log("who was answered", [this] {
            answer(unavailable("the command was dropped before it was written; nothing was changed")
            );
        });
    }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    /// The key is free again when it is answered.
    void hold(Claim claim) { claim_ = std::move(claim); }
    void waits() {
        if (std::exchange(works_, false)) {
            pressure_.command_ended();
        }
    }
    void goes_on() {
        if (!std::exchange(works_, true)) {
            pressure_.command_began();
        }
    }
    void answer(http::Answer answer) {
        if (std::exchange(answered_, true)) {
            return;
        }
        waits();
        if (claim_) {
            claim_->release();
        }
        done_(std::move(answer));
    }

  private:
    const http::Done done_;
    bus::Pressure& pressure_;
    Claim claim_;
    bool works_ = false;
    bool answered_ = false;
};

CommandPath::CommandPath(const Parts& parts, std::int64_t kept_ms)
    : parts_(parts), keys_(parts.database, parts.clock, kept_ms) {}

void CommandPath::run(
    const Command& command, const http::Request& request, bool once, http::Done done
) {
    if (auto problem = parts_.lifecycle.write_problem()) {
        done(std::move(*problem));
        return;
    }
    const auto caller = std::make_shared<Caller>(std::move(done), parts_.pressure);
    if (once) {
        run_once(command, request, caller);
    } else {
        begin(command, request, caller);
    }
}

/// A request whose Idempotency-Key was answered before is answered so again.
void CommandPath::run_once(
    const Command& command, const http::Request& request, const SharedCaller& caller
) {
    std::expected<Claim, http::Answer> claimed;
    try {
        claimed = keys_.claim(request);
    } catch (...) {
        claimed = std::unexpected(problem_of(std::current_exception(), request.target));
    }
    if (!claimed) {
        caller->answer(std::move(claimed.error()));
        return;
    }
    const auto claim = std::move(*claimed);
    if (!claim) {
        begin(command, request, caller);
        return;
    }
    caller->hold(claim);
    const Command recorded = [&command, claim](
                                 const http::Request& r, const storage::Reader& reader
                             ) { return recording(command(r, reader), claim); };
    begin(recorded, request, caller);
}

void CommandPath::begin(
    const Command& command, const http::Request& request, const SharedCaller& caller
) {
    const LogContext context{.trace = request.trace};
    const LogScope scope(context);
    try {
        std::optional<Next> next;
        {
            const storage::Reader reader = parts_.database.read_for_client();
            next.emplace(command(request, reader));
        }
        go_on(std::move(*next), caller, request.trace);
    } catch (...) {
        caller->answer(problem_of(std::current_exception(), request.target));
    }
}

/// Whoever was asked calls this, and has others to call: nothing is thrown at it.
void CommandPath::go_on(Next next, const SharedCaller& caller, const std::string& trace) {
    try {
        take(std::move(next), caller, trace);
    } catch (...) {
        caller->answer(problem_of(std::current_exception(), parts_.context));
    }
}

void CommandPath::take(Next next, const SharedCaller& caller, const std::string& trace) {
    if (auto* response = std::get_if<http::Response>(&next.step)) {
        caller->answer(std::move(*response));
    } else if (auto* problem = std::get_if<http::Problem>(&next.step)) {
        caller->answer(std::move(*problem));
    } else if (auto* ask = std::get_if<Ask>(&next.step)) {
        caller->waits();
        ask->run([this, caller, trace](Next after) {
            caller->goes_on();
            go_on(std::move(after), caller, trace);
        });
    } else {
        write_in_turn(std::move(std::get<Write>(next.step)), caller, trace);
    }
}

/// Submits the write now; or later, when events have waited for so long that writes are put off.
void CommandPath::write_in_turn(Write write, const SharedCaller& caller, const std::string& trace) {
    auto write_now = [this, write = std::move(write), caller, trace] {
        submit(
            write,
            [caller](http::Answer answer) { caller->answer(std::move(answer)); },
            trace,
            &Lifecycle::write_problem
        );
    };
    const std::int64_t delay_ms = parts_.pressure.delay_ms();
    if (delay_ms == 0) {
        write_now();
        return;
    }
    caller->waits();
    parts_.strand.after(delay_ms, [caller, write_now = std::move(write_now)] {
        caller->goes_on();
        write_now();
    });
}

void CommandPath::write(
    Write write, std::function<void(http::Answer)> done, std::string_view trace
) {
    submit(std::move(write), std::move(done), trace, &Lifecycle::own_write_problem);
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
