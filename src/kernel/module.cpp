#include "kernel/module.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/trace.hpp"
#include "http/answer_batch.hpp"
#include "http/cors.hpp"
#include "kernel/rebuild.hpp"

namespace bookstore::kernel {
namespace {

storage::Database::Options database_options(
    const std::string& name, const Environment& environment, const std::function<void()>& ring
) {
    storage::Database::Options options;
    options.path = environment.data_dir + "/" + name + ".db";
    options.vfs = environment.vfs;
    options.migrations = {"bus", name};
    options.ring = ring;
    options.now_ms = environment.clock.now_ms();
    options.read_limit_ms = environment.read_limit_ms;
    return options;
}

constexpr std::int64_t reopen_ms = 200;  ///< between attempts to open a file that failed

bool refused(const http::Answer& answer) {
    const auto* response = std::get_if<http::Response>(&answer);
    return response == nullptr || response->status >= 400;
}

using Claim = std::shared_ptr<IdempotencyKeys::Claim>;

/// The same step, whose write stores its answer too.
Next recording(Next next, const Claim& claim) {
    if (auto* ask = std::get_if<Ask>(&next.step)) {
        next.step = Ask{[run = std::move(ask->run), claim](const Continue& go_on) {
            run([go_on, claim](Next after) { go_on(recording(std::move(after), claim)); });
        }};
    } else if (auto* write = std::get_if<Write>(&next.step)) {
        next.step = Write{[write = std::move(*write), claim](bus::UnitOfWork& work) {
            http::Answer answer = write(work);
            if (!refused(answer)) {
                claim->record(work.db(), std::get<http::Response>(answer));
            }
            return answer;
        }};
    }
    return next;
}

}  // namespace

Module::Module(std::string name, const Environment& environment, std::function<void()> ring)
    : name_(std::move(name)),
      environment_(environment),
      ring_(std::move(ring)),
      database_(database_options(name_, environment_, ring_)),
      outbox_(name_, database_, environment_.ring_relay),
      strand_(environment_.clock, ring_),
      idempotency_keys_(database_, environment_.clock, environment_.idempotency_kept_ms) {}

Module::~Module() = default;

// ---- table of contents

void Module::query(Endpoint declared, Query query) {
    declared.route.handler =
        [this, query = std::move(query)](const http::Request& request, http::Done done) {
            http::Answer answer;
            try {
                const storage::Reader reader = database_.read();
                answer = query(request, *reader);
            } catch (...) {
                answer = problem_of(std::current_exception(), request.target);
            }
            done(std::move(answer));
        };
    add(std::move(declared), false);
}

void Module::command(Endpoint declared, Command command) {
    declared.route.head = false;
    const bool once = declared.route.method == http::Method::post;
    declared.route.handler =
        [this, once, command = std::move(command)](const http::Request& request, http::Done done) {
            if (auto problem = refuse_write()) {
                done(std::move(*problem));
                return;
            }
            environment_.pressure.command_began();
            auto counted = [this, done = std::move(done)](http::Answer answer) {
                environment_.pressure.command_ended();
                done(std::move(answer));
            };
            if (once) {
                run_once(command, request, std::move(counted));
            } else {
                run(command, request, std::move(counted));
            }
        };
    add(std::move(declared), true);
}

void Module::route(Endpoint declared) {
    add(std::move(declared), false);
}

void Module::add(Endpoint declared, bool writes) {
    describe_server(declared);
    describe_context(declared, writes);
    declared.route.handler = [this, handler = std::move(declared.route.handler)](
                                 const http::Request& request, http::Done done
                             ) {
        if (auto problem = refuse_read()) {
            done(std::move(*problem));
            return;
        }
        handler(request, std::move(done));
    };
    endpoints_.push_back(std::move(declared));
}

bus::Subscription::Context Module::subscription_context() {
    return {
        .topic = environment_.topic,
        .outbox = outbox_,
        .clock = environment_.clock,
        .random = environment_.random,
        .pressure = environment_.pressure,
        .ring = ring_,
        .before_handling = environment_.before_handling
    };
}

bus::Subscription& Module::subscription(std::string name) {
    subscriptions_.push_back(std::make_unique<bus::Subscription>(
        std::move(name), subscription_context(), environment_.retry
    ));
    return *subscriptions_.back();
}

void Module::read_model(
    std::string name,
    std::string table,
    std::function<void(bus::Subscription& subscription, bool rebuilt)> subscribe
) {
    bus::Subscription& live = subscription(name);
    subscribe(live, false);
    rebuilds_.push_back(std::make_unique<Rebuild>(
        Rebuild::Options{
            .name = name,
            .table = std::move(table),
            .make =
                [this, name, subscribe = std::move(subscribe)] {
                    auto second = std::make_unique<bus::Subscription>(
                        name + ".rebuild", subscription_context(), environment_.retry
                    );
                    subscribe(*second, true);
                    return second;
                }
        },
        live,
        database_,
        environment_.topic,
        environment_.clock
    ));
    rebuilds_.back()->add_routes(*this);
}

// ---- commands

void Module::run(const Command& command, const http::Request& request, http::Done done) {
    const auto shared = std::make_shared<const http::Done>(std::move(done));
    const LogContext context{.trace = request.trace};
    const LogScope scope(context);
    try {
        std::optional<Next> next;
        {
            const storage::Reader reader = database_.read();
            next.emplace(command(request, reader));
        }
        run_next(std::move(*next), shared, request.trace);
    } catch (...) {
        (*shared)(problem_of(std::current_exception(), request.target));
    }
}

/// As run(), but a request with an Idempotency-Key that was answered before is answered so again.
void Module::run_once(const Command& command, const http::Request& request, http::Done done) {
    std::expected<std::shared_ptr<IdempotencyKeys::Claim>, http::Answer> claimed;
    try {
        claimed = idempotency_keys_.claim(request);
    } catch (...) {
        claimed = std::unexpected(problem_of(std::current_exception(), request.target));
    }
    if (!claimed) {
        done(std::move(claimed.error()));
        return;
    }
    const auto claim = std::move(*claimed);
    if (!claim) {
        run(command, request, std::move(done));
        return;
    }
    const Command recorded = [&command, claim](
                                 const http::Request& r, const storage::Reader& reader
                             ) { return recording(command(r, reader), claim); };
    run(recorded, request, [claim, done = std::move(done)](http::Answer answer) {
        claim->release();
        done(std::move(answer));
    });
}

void Module::run_next(Next next, std::shared_ptr<const http::Done> done, std::string trace) {
    if (auto* response = std::get_if<http::Response>(&next.step)) {
        (*done)(std::move(*response));
    } else if (auto* problem = std::get_if<http::Problem>(&next.step)) {
        (*done)(std::move(*problem));
    } else if (auto* ask = std::get_if<Ask>(&next.step)) {
        ask->run([this, done, trace](Next after) { run_next(std::move(after), done, trace); });
    } else {
        auto write_now = [this, done, trace, work = std::move(std::get<Write>(next.step))] {
            submit(
                work,
                [done](http::Answer answer) { (*done)(std::move(answer)); },
                trace,
                &Module::refuse_write
            );
        };
        const std::int64_t delay_ms = environment_.pressure.delay_ms();
        if (delay_ms > 0) {
            // Meanwhile it keeps nobody from the cores.
            environment_.pressure.command_ended();
            strand_.after(delay_ms, [this, write_now = std::move(write_now)] {
                environment_.pressure.command_began();
                write_now();
            });
        } else {
            write_now();
        }
    }
}

void Module::write(Write write, std::function<void(http::Answer)> done, std::string_view trace) {
    submit(std::move(write), std::move(done), trace, &Module::refuse_read);
}

/// The module may have been stopped since the write was asked for: it is looked at again when the
/// write runs, on the thread that stops it.
void Module::submit(
    Write write,
    std::function<void(http::Answer)> done,
    std::string_view trace,
    Refusal refused_before
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
    database_.writer().submit({
        .durable = true,
        .run =
            [this, running, refused_before](storage::Connection& db) {
                if (auto problem = (this->*refused_before)()) {
                    running->answer = std::move(*problem);
                    return false;
                }
                const LogContext context{.trace = running->trace};
                const LogScope scope(context);
                bus::UnitOfWork work(db, outbox_, environment_.clock, running->trace);
                running->answer = running->write(work);
                return !refused(running->answer);
            },
        .done = [this, running](const storage::Outcome& outcome
                ) { running->done(answer_of(outcome, std::move(running->answer), name_)); },
    });
}

std::optional<http::Problem> Module::refuse_read() const {
    if (state() != State::stopped) {
        return std::nullopt;
    }
    return unavailable(fmt::format("the {} context is stopped", name_));
}

std::optional<http::Problem> Module::refuse_write() const {
    if (state() != State::starting) {
        return refuse_read();
    }
    return unavailable(
        fmt::format("the {} context is starting: it reads the events it missed", name_)
    );
}

// ---- lifecycle

void Module::start(bool stopped) {
    for (const auto& rebuild : rebuilds_) {
        rebuild->drop_leftovers();
    }
    for (const auto& subscription : subscriptions_) {
        subscription->start();
    }
    catch_up_to_ = environment_.topic.end();
    state_ = stopped ? State::stopped : State::starting;
    for (const auto& task : tasks_) {
        task->rest(stopped);
    }
    if (!stopped) {
        notice_caught_up();
    }
}

void Module::notice_caught_up() {
    const bool behind = std::ranges::any_of(subscriptions_, [this](const auto& subscription) {
        return subscription->position() < catch_up_to_ && !subscription->caught_up();
    });
    if (!behind) {
        state_ = State::running;
    }
}

void Module::look_for_tasks() {
    for (const auto& task : tasks_) {
        task->look();
    }
}

/// The clients of one commit are answered together.
bool Module::write_batch() {
    const http::AnswerBatch together;
    return database_.writer().step();
}

bool Module::step() {
    bool did = strand_.step();
    if (state() != State::stopped) {
        for (const auto& subscription : subscriptions_) {
            did = subscription->step() || did;
        }
        for (const auto& rebuild : rebuilds_) {
            did = rebuild->step() || did;
        }
    }
    if (write_batch()) {
        did = true;
        look_for_tasks();
    }
    if (state() != State::stopped) {
        for (const auto& task : tasks_) {
            did = task->step() || did;
        }
    }
    if (state() == State::starting) {
        notice_caught_up();
    }
    return did;
}

std::optional<std::int64_t> Module::due_in_ms() {
    std::optional<std::int64_t> due;
    const auto consider = [&due](std::optional<std::int64_t> at, std::int64_t now) {
        if (at) {
            const std::int64_t wait = std::max<std::int64_t>(*at - now, 0);
            due = due ? std::min(*due, wait) : wait;
        }
    };
    consider(strand_.next_due_ms(), environment_.clock.steady_ms());
    if (database_.writer().wants_opening()) {
        consider(reopen_ms, 0);
    }
    if (state() != State::stopped) {
        const std::int64_t now = environment_.clock.now_ms();
        for (const auto& subscription : subscriptions_) {
            consider(subscription->next_due_ms(), now);
        }
        for (const auto& task : tasks_) {
            consider(task->next_due_ms(), now);
        }
        for (const auto& rebuild : rebuilds_) {
            consider(rebuild->next_due_ms(), now);
        }
    }
    return due;
}

void Module::try_storage() {
    if (database_.writer().healthy() || trying_storage_.exchange(true)) {
        return;
    }
    database_.writer().submit({
        .durable = true,
        .run =
            [](storage::Connection& db) {
                db.execute("PRAGMA user_version = 1");  // writes a page, whatever it was
                return true;
            },
        .done = [this](const storage::Outcome&) { trying_storage_ = false; },
    });
}

void Module::finish() {
    while (database_.writer().step()) {
    }
    for (const auto& subscription : subscriptions_) {
        subscription->save_cursor();
    }
    while (database_.writer().step()) {
    }
    database_.writer().flush();
}

std::optional<http::Problem> refuse_cross_origin(const http::Request& request) {
    if (http::is_cross_origin(request)) {
        return problem(403, "operator actions are refused to pages of another origin");
    }
    if (http::is_rebound(request)) {
        return problem(
            403,
            fmt::format(
                "at {} operator actions are refused on this machine: use localhost or an address, "
                "or name your proxy by --trusted-proxy",
                request.host
            )
        );
    }
    return std::nullopt;
}

}  // namespace bookstore::kernel
