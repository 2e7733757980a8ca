#include "kernel/hosted_module.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "http/answer_batch.hpp"
#include "kernel/backfill.hpp"
#include "kernel/turns.hpp"
#include "storage/wal_stamp.hpp"

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

constexpr std::chrono::milliseconds reopen_pause{200
};  ///< between attempts to open a file that failed

}  // namespace

HostedModule::HostedModule(
    std::string name, const Environment& environment, std::function<void()> ring
)
    : environment_(environment),
      ring_(std::move(ring)),
      module_(std::move(name), environment_.clock, environment_.random),
      lifecycle_(module_.name(), gate_),
      database_(database_options(module_.name(), environment_, ring_)),
      outbox_(module_.name(), database_, environment_.ring_relay),
      strand_(environment_.clock, ring_),
      commands_(
          {.context = module_.name(),
           .database = database_,
           .outbox = outbox_,
           .strand = strand_,
           .clock = environment_.clock,
           .pressure = environment_.pressure,
           .lifecycle = lifecycle_},
          environment_.idempotency_kept_ms
      ) {
    module_.host_ = this;
    module_.keeps_owners_ = environment_.keeps_owners;
    gate_.when_changed(ring_);
}

HostedModule::~HostedModule() {
    drop_waiting();
}

bool HostedModule::drop_waiting() {
    strand_.drop();
    return database_.writer().drop_waiting();
}

// ---- what was declared, taken up

bus::Subscription::Context HostedModule::subscription_context() {
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

void HostedModule::take_up_declarations() {
    const Declarations& declared = module_.declarations();
    outbox_.may_publish(types_of(declared.published));
    for (const bus::Policies& policies : declared.policies) {
        subscriptions_.push_back(std::make_unique<bus::Subscription>(
            policies, subscription_context(), environment_.retry
        ));
    }
    for (const Declarations::ReadModel& model : declared.read_models) {
        add_read_model(model);
    }
    for (const Declarations::Task& task : declared.tasks) {
        tasks_.push_back(task.make(outbox_, environment_.clock));
    }
}

void HostedModule::add_read_model(const Declarations::ReadModel& model) {
    subscriptions_.push_back(std::make_unique<bus::Subscription>(
        model.policies(), subscription_context(), environment_.retry
    ));
    rebuilds_.push_back(std::make_unique<Rebuild>(
        Rebuild::Options{
            .name = model.name,
            .table = model.table,
            .make =
                [this, &model] {
                    return std::make_unique<bus::Subscription>(
                        model.policies_of_rebuild(), subscription_context(), environment_.retry
                    );
                }
        },
        *subscriptions_.back(),
        database_,
        environment_.topic,
        environment_.clock
    ));
}

Rebuild& HostedModule::rebuild(std::string_view name) {
    const auto found = std::ranges::find_if(rebuilds_, [name](const auto& rebuild) {
        return rebuild->name() == name;
    });
    return **found;
}

http::Handler HostedModule::handler_of(const Declarations::Route& route) {
    if (const auto* query = std::get_if<Query>(&route.how)) {
        return [this, query](const http::Request& request, http::Done done) {
            http::Answer answer;
            try {
                const storage::Reader reader = database_.read_for_client();
                answer = (*query)(request, *reader);
            } catch (...) {
                answer = problem_of(std::current_exception(), request.target);
            }
            done(std::move(answer));
        };
    }
    if (const auto* command = std::get_if<Command>(&route.how)) {
        const bool once = route.endpoint.route.method == http::Method::post;
        return [this, command, once](const http::Request& request, http::Done done) {
            commands_.run(*command, request, once, std::move(done));
        };
    }
    return std::get<http::Handler>(route.how);
}

std::vector<Endpoint> HostedModule::endpoints() {
    std::vector<Endpoint> endpoints;
    for (const Declarations::Route& route : module_.declarations().routes) {
        Endpoint endpoint = route.endpoint;
        describe_server(endpoint);
        describe_context(endpoint, std::holds_alternative<Command>(route.how));
        endpoint.route.handler =
            [this, handler = handler_of(route)](const http::Request& request, http::Done done) {
                if (auto problem = lifecycle_.read_problem()) {
                    done(std::move(*problem));
                    return;
                }
                handler(request, std::move(done));
            };
        endpoints.push_back(std::move(endpoint));
    }
    return endpoints;
}

// ---- lifecycle

void HostedModule::start(bool stopped) {
    take_up_declarations();
    for (const Declarations::Backfill& backfill : module_.declarations().backfills) {
        if (module_.keeps_owners()) {
            fill_in(backfill, database_, environment_.topic);
        } else {
            note_unfilled(backfill, database_);
        }
    }
    for (const auto& rebuild : rebuilds_) {
        rebuild->drop_leftovers();
    }
    begin_cursors();
    for (const auto& subscription : subscriptions_) {
        subscription->start();
    }
    catch_up_to_ = environment_.topic.end();
    lifecycle_.move_to(stopped ? State::stopped : State::starting);
    gate_was_open_ = gate_.is_open();
    for (const auto& task : tasks_) {
        task->set_stopped(!works());
    }
    if (!stopped) {
        notice_caught_up();
    }
}

/// When it opens, the log may have grown by what was published meanwhile.
void HostedModule::follow_gate() {
    if (gate_.is_open() == gate_was_open_) {
        return;
    }
    gate_was_open_ = !gate_was_open_;
    if (gate_was_open_) {
        catch_up_to_ = environment_.topic.end();
        for (const auto& subscription : subscriptions_) {
            subscription->refresh();
        }
    }
    for (const auto& task : tasks_) {
        task->set_stopped(!works());
    }
}

/// Each subscription has a cursor from its first start on, before it handles anything: so it is
/// known later that it was here before the log was cut. A new one reads what is left of the log.
void HostedModule::begin_cursors() {
    std::vector<std::string> missing;
    {
        const storage::Reader reader = read();
        for (const auto& subscription : subscriptions_) {
            if (!bus::Cursor(subscription->name()).exists(*reader)) {
                missing.push_back(subscription->name());
            }
        }
    }
    if (missing.empty()) {
        return;
    }
    const std::int64_t first = environment_.topic.first();
    if (first > 1) {
        spdlog::warn(
            "subscription {} begins at {}: the log was cut there", fmt::join(missing, ", "), first
        );
    }
    database_.writer().commit_now({
        .durable = true,
        .run =
            [&](storage::Connection& db) {
                for (const std::string& name : missing) {
                    bus::Cursor(name).begin(db, first - 1, environment_.topic.hash_at(first - 1));
                }
                return true;
            },
        .done = {},
    });
}

void HostedModule::notice_caught_up() {
    if (!gate_.is_open()) {
        return;
    }
    const bool lags = std::ranges::any_of(subscriptions_, [this](const auto& subscription) {
        return subscription->position() < catch_up_to_ && subscription->lag() > 0;
    });
    if (!lags) {
        lifecycle_.move_to(State::running);
    }
}

void HostedModule::stop(std::function<void()> done) {
    strand_.post([this, done = std::move(done)] {
        if (available()) {
            stop_now();
        }
        // An empty job: the writer has one queue, so its end is the end of all that came before.
        database_.writer().submit(
            {.durable = false,
             .run = [](storage::Connection&) { return true; },
             .done = [done](const storage::Outcome&) { done(); }}
        );
    });
}

void HostedModule::stop_now() {
    lifecycle_.move_to(State::stopped);
    for (const auto& task : tasks_) {
        task->set_stopped(true);
    }
    for (const auto& subscription : subscriptions_) {
        subscription->save_cursor();
    }
    spdlog::info("the {} context was stopped", name());
}

void HostedModule::resume(std::function<void()> done) {
    strand_.post([this, done = std::move(done)] {
        if (!available()) {
            resume_now();
        }
        done();
    });
}

void HostedModule::resume_now() {
    catch_up_to_ = environment_.topic.end();
    for (const auto& subscription : subscriptions_) {
        subscription->refresh();
    }
    for (const auto& task : tasks_) {
        task->set_stopped(!gate_.is_open());
    }
    was_resumed_.store(true, std::memory_order_relaxed);
    lifecycle_.move_to(State::starting);
    notice_caught_up();
    spdlog::info("the {} context goes on, from {} events back", name(), lag());
    for (const auto& hook : resumed_) {
        hook();
    }
}

bool HostedModule::catching_up() const {
    return state() == State::starting && was_resumed_.load(std::memory_order_relaxed);
}

bus::BacklogState HostedModule::state_of(const bus::Subscription& subscription) const {
    using bus::BacklogState;
    if (!available()) {
        return BacklogState::stopped;
    }
    if (!subscription.healthy() || gate_.refuses()) {
        return BacklogState::failing;
    }
    if (subscription.lag() == 0) {
        return BacklogState::empty;
    }
    return state() == State::starting ? BacklogState::catching_up : BacklogState::working;
}

std::string HostedModule::failing_part() const {
    for (const auto& subscription : subscriptions_) {
        if (!subscription->healthy()) {
            return "the subscription " + subscription->name();
        }
    }
    for (const auto& task : tasks_) {
        if (!task->healthy()) {
            return "the task " + task->name();
        }
    }
    return {};
}

std::int64_t HostedModule::lag() const {
    std::int64_t events = 0;
    for (const auto& subscription : subscriptions_) {
        events = std::max(events, subscription->lag());
    }
    return events;
}

// ---- retention

void HostedModule::log_may_be_cut(
    std::int64_t position, std::function<void(std::int64_t floor)> done
) {
    strand_.post([this, position, done = std::move(done)] {
        for (const auto& rebuild : rebuilds_) {
            rebuild->keep_base(position);
        }
        const auto floor = std::make_shared<std::int64_t>(0);
        database_.writer().submit(
            {.durable = true,
             .run =
                 [this, floor](storage::Connection& db) {
                     *floor = log_floor(db);
                     // Something is written, so that the commit is synced, and with it the cursors.
                     storage::change_stamp(db);
                     return true;
                 },
             .done = [floor, done](const storage::Outcome& outcome
                     ) { done(outcome.kind == storage::Outcome::Kind::committed ? *floor : 0); }}
        );
    });
}

std::int64_t HostedModule::log_floor(storage::Connection& db) const {
    std::int64_t floor = std::numeric_limits<std::int64_t>::max();
    for (const auto& subscription : subscriptions_) {
        floor = std::min(floor, bus::Cursor(subscription->name()).read(db));
    }
    for (const auto& rebuild : rebuilds_) {
        floor = std::min(floor, rebuild->base_position(db));
    }
    return floor;
}

// ---- stepping

void HostedModule::wake_tasks() {
    for (const auto& task : tasks_) {
        task->intents_changed();
    }
}

/// The clients of one commit are answered together, before its checkpoint, which takes some ms.
bool HostedModule::write_batch() {
    bool did = false;
    {
        const http::AnswerBatch together;
        did = database_.writer().commit_waiting();
    }
    database_.writer().checkpoint_if_due();
    return did;
}

bool HostedModule::step() {
    Turns turns;
    turns.take([this] { return strand_.step(); });
    follow_gate();
    if (works()) {
        for (const auto& subscription : subscriptions_) {
            turns.take([&] { return subscription->step(); });
        }
        for (const auto& rebuild : rebuilds_) {
            turns.take([&] { return rebuild->step(); });
        }
    }
    turns.take([this] {
        const bool wrote = write_batch();
        if (wrote) {
            wake_tasks();
        }
        return wrote;
    });
    if (works()) {
        for (const auto& task : tasks_) {
            turns.take([&] { return task->step(); });
        }
    }
    if (state() == State::starting) {
        notice_caught_up();
    }
    return turns.end();
}

std::optional<std::chrono::milliseconds> HostedModule::due_in() {
    using std::chrono::milliseconds;
    std::optional<milliseconds> due;
    const auto consider = [&due](std::optional<std::int64_t> ms) {
        if (ms) {
            due = std::min(due.value_or(milliseconds(*ms)), milliseconds(*ms));
        }
    };
    consider(strand_.due_in_ms());
    if (database_.writer().wants_opening()) {
        due = std::min(due.value_or(reopen_pause), reopen_pause);
    }
    if (works()) {
        for (const auto& subscription : subscriptions_) {
            consider(subscription->due_in_ms());
        }
        for (const auto& task : tasks_) {
            consider(task->due_in_ms());
        }
        for (const auto& rebuild : rebuilds_) {
            consider(rebuild->due_in_ms());
        }
    }
    return due;
}

void HostedModule::try_storage() {
    if (database_.writer().healthy() || trying_storage_.exchange(true)) {
        return;
    }
    database_.writer().submit({
        .durable = true,
        .run =
            [](storage::Connection& db) {
                storage::change_stamp(db);  // writes a page, also when nothing changes
                return true;
            },
        .done = [this](const storage::Outcome&) { trying_storage_ = false; },
    });
}

void HostedModule::finish() {
    while (database_.writer().step()) {
    }
    for (const auto& subscription : subscriptions_) {
        if (gate_.is_open()) {
            subscription->save_cursor();
        }
    }
    while (database_.writer().step()) {
    }
    database_.writer().flush();
}

}  // namespace bookstore::kernel
