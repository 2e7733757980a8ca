#include "bus/subscription.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>

#include "base/trace.hpp"
#include "storage/fault.hpp"

namespace bookstore::bus {
namespace {

const storage::Sql select_cursor{"*", "SELECT position FROM subscription WHERE name = ?1"};
const storage::Sql insert_cursor{
    "*", "INSERT INTO subscription(name, position) VALUES (?1, 0) ON CONFLICT (name) DO NOTHING"
};
const storage::Sql update_cursor{
    "*", "UPDATE subscription SET position = ?2 WHERE name = ?1 AND position = ?3"
};
const storage::Sql replace_cursor{
    "*",
    "UPDATE subscription SET position = "
    "coalesce((SELECT position FROM subscription WHERE name = ?2), 0) WHERE name = ?1"
};
const storage::Sql delete_cursor{"*", "DELETE FROM subscription WHERE name = ?1"};
const storage::Sql savepoint_event{"*", "SAVEPOINT event"};
const storage::Sql release_event{"*", "RELEASE event"};
const storage::Sql rollback_event{"*", "ROLLBACK TO event"};

constexpr std::size_t max_retries = 64;       ///< held events in one transaction
constexpr std::int64_t save_every_ms = 1000;  ///< a cursor that moved over foreign events alone

LogContext context_of(const Envelope& event) {
    return {.trace = event.trace, .key = event.key, .event = event.type};
}

std::string reason(const std::exception_ptr& error) {
    if (!error) {
        return "no reason given";
    }
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

}  // namespace

Subscription::Subscription(Policies policies, Context context, RetryPolicy retry)
    : policies_(std::move(policies)),
      types_(policies_.types()),
      context_(std::move(context)),
      retry_(retry),
      held_(policies_.subscription()),
      durations_(types_.size()),
      trouble_("subscription " + name()) {}

void Subscription::start() {
    reload();
    if (stored_ > context_.topic.end()) {
        throw storage::Refused(fmt::format(
            "the data directory was put together from different moments: {}.db has handled the "
            "events up to {} (subscription {}), but topic.db ends at {}; restore both from one "
            "backup",
            context_.outbox.source(),
            stored_,
            name(),
            context_.topic.end()
        ));
    }
    if (any_held_) {
        // The writer's connection, whose statements have no time limit: there may be millions.
        held_keys_ = held_.keys(context_.outbox.database().writer().connection());
    }
    listening_ = context_.topic.listen(types_, [this](std::int64_t position) {
        told_of(position);
        context_.ring();
    });
    told_of(context_.topic.end());  // what came before we listened
}

void Subscription::told_of(std::int64_t position) {
    if (caught_up()) {
        waiting_since_ms_.store(context_.clock.now_ms(), std::memory_order_relaxed);
    }
    std::int64_t known = newest_.load(std::memory_order_relaxed);
    while (known < position &&
           !newest_.compare_exchange_weak(known, position, std::memory_order_acq_rel)) {
    }
}

void Subscription::reload() {
    const storage::Reader reader = context_.outbox.database().read();
    {
        auto statement = reader->prepare(select_cursor);
        statement.bind(name());
        stored_ = statement.step() ? statement.integer(0) : 0;
    }
    cursor_.store(stored_, std::memory_order_release);
    clear_rows();  // the file may stand where it stood before they were written
    told_of(context_.topic.end());
    look_for_held(*reader);
}

void Subscription::look_for_held(storage::Connection& db) {
    next_held_ms_ = held_.next_try(db);
    any_held_ = held_.any(db);
    look_for_held_ = false;
    if (!any_held_) {
        held_keys_.clear();
    }
}

/// Most keys are healthy: they are known to be without asking the file.
bool Subscription::holds(storage::Connection& db, const std::string& key) const {
    return any_held_ && held_keys_.may_have(key) && held_.has(db, key);
}

void Subscription::hold(
    UnitOfWork& work,
    const Envelope& event,
    std::int64_t attempts,
    std::string_view error,
    std::optional<std::int64_t> next_try_ms
) {
    any_held_ = true;
    held_keys_.add(event.key);
    look_for_held_ = true;
    held_.hold(work.db(), event, attempts, error, work.now_ms(), next_try_ms);
}

bool Subscription::caught_up() const {
    return cursor_.load(std::memory_order_acquire) >= newest_.load(std::memory_order_acquire);
}

std::int64_t Subscription::lag() const {
    const std::int64_t newest = newest_.load(std::memory_order_acquire);
    return std::max<std::int64_t>(newest - position(), 0);
}

std::optional<std::int64_t> Subscription::behind_since_ms() const {
    if (lag() == 0) {
        return std::nullopt;
    }
    const auto batch = context_.topic.read(position(), types_, 1);
    // With a long run of foreign events in front, the next event stands for the first of ours.
    return batch.events.empty() ? context_.topic.time_behind(batch.scanned)
                                : std::optional(batch.events.front()->time_ms);
}

std::map<std::string, HistogramCounts> Subscription::handler_durations() const {
    std::map<std::string, HistogramCounts> durations;
    for (std::size_t i = 0; i < types_.size(); ++i) {
        durations.emplace(types_[i], durations_[i].counts());
    }
    return durations;
}

bool Subscription::step() {
    if (in_flight_ || trouble_.pause_left_ms(context_.clock.steady_ms()) > 0) {
        return false;
    }
    try {
        // In turns: many that fail again and again must not keep the others from being handled.
        if (!std::exchange(retried_, false) && submit_retries()) {
            retried_ = true;
            return true;
        }
        if (!caught_up() && !gives_way()) {
            auto batch = context_.topic.read(position(), types_, usual_batch);
            if (!batch.events.empty()) {
                submit_batch(std::move(batch));
                return true;
            }
            cursor_.store(batch.scanned, std::memory_order_release);
            return true;
        }
        if (submit_retries()) {
            return true;
        }
    } catch (const storage::Error& error) {
        trouble_.failed(error.what(), context_.clock.steady_ms());
        return false;
    }
    if (position() > stored_ && context_.clock.steady_ms() >= saved_at_ms_ + save_every_ms) {
        submit_cursor(position());
        return true;
    }
    return false;
}

bool Subscription::gives_way() const {
    const std::int64_t since = waiting_since_ms_.load(std::memory_order_relaxed);
    return context_.pressure.gives_way(
        context_.clock.now_ms() - since, Pressure::subscription_waits_ms
    );
}

std::optional<std::int64_t> Subscription::next_due_ms() const {
    if (in_flight_) {
        return std::nullopt;
    }
    std::optional<std::int64_t> due;
    const auto consider = [&due](std::int64_t at) { due = due ? std::min(*due, at) : at; };
    const std::int64_t now = context_.clock.now_ms();
    const std::int64_t rested = now + trouble_.pause_left_ms(context_.clock.steady_ms());
    if (next_held_ms_) {
        consider(std::max(*next_held_ms_, rested));
    }
    if (!caught_up()) {
        consider(gives_way() ? std::max(rested, now + Pressure::look_again_ms) : rested);
    }
    if (position() > stored_) {
        const std::int64_t save_at_ms = saved_at_ms_ + save_every_ms;
        consider(std::max(now + save_at_ms - context_.clock.steady_ms(), rested));
    }
    return due;
}

bool Subscription::durable(const Topic::Events& events) const {
    const auto is_durable = [](const Policies::Policy& policy) {
        return policy.effect == Effect::durable;
    };
    if (may_go_on()) {  // to events that are not known yet
        return std::ranges::any_of(policies_.all(), is_durable);
    }
    return std::ranges::any_of(events, [&](const auto& event) {
        return is_durable(*policies_.find(event->type));
    });
}

void Subscription::submit_batch(Topic::Batch first) {
    const bool sync = durable(first.events);
    waiting_since_ms_.store(first.events.back()->time_ms, std::memory_order_relaxed);
    in_flight_ = true;
    // The cursor may stand at `scanned`: what lies between is foreign.
    const std::int64_t to = first.scanned;
    auto batch = std::make_shared<Batch>(stored_, std::move(first), to);
    context_.outbox.database().writer().submit({
        .durable = sync,
        .run = [this, batch](storage::Connection& db) { return run_batch(db, *batch); },
        .done =
            [this, batch](const storage::Outcome& outcome) {
                const bool committed = outcome.kind == storage::Outcome::Kind::committed;
                if (committed) {  // known before the cursor says that it is handled
                    batch_.committed_ms = context_.clock.now_ms();
                    times_.add(batch_);
                }
                finished(outcome, batch->to);
                if (committed) {
                    stats_.events.add(batch->handled);
                    log_handled(batch->first.events);
                }
            },
    });
}

void Subscription::log_handled(const Topic::Events& events) const {
    if (!spdlog::should_log(spdlog::level::debug)) {
        return;
    }
    for (const auto& event : events) {
        const LogContext context = context_of(*event);
        const LogScope scope(context);
        spdlog::debug("{} handled {} {} at {}", name(), event->type, event->key, event->position);
    }
}

bool Subscription::run_batch(storage::Connection& db, Batch& batch) {
    batch.to = batch.first.scanned;
    if (!move_cursor(db, batch.from, batch.to)) {
        return false;  // a rebuild has put another cursor there: read it again
    }
    begin_rows();
    UnitOfWork work(db, context_.outbox, context_.clock, {});
    batch_ = {.from = batch.from, .to = batch.to, .began_ms = work.now_ms()};
    handle_all(work, batch.first.events);
    batch.handled = batch.first.events.size();
    if (may_go_on()) {
        go_on(work, batch);
    }
    flush_rows(db);
    return true;
}

/// One transaction for many events writes a page once that they all change. They are read as they
/// are handled, while the processor's cache has them.
void Subscription::go_on(UnitOfWork& work, Batch& batch) {
    while (!has_enough(batch)) {
        const auto next = more_after(batch.to);
        if (next.events.empty()) {
            break;
        }
        batch.to = next.scanned;  // known, should one of them throw
        handle_all(work, next.events);
        batch.handled += next.events.size();
    }
    if (batch.to != batch.first.scanned) {
        move_cursor(work.db(), batch.first.scanned, batch.to);
        batch_.to = batch.to;
    }
}

bool Subscription::has_enough(const Batch& batch) const {
    return batch.handled >= max_batch_ || (batch.handled >= at_once_though_others_wait &&
                                           context_.outbox.database().writer().others_wait());
}

/// Nothing, when the topic cannot be read: the next step tells, and our file is not at fault.
Topic::Batch Subscription::more_after(std::int64_t position) const {
    try {
        return context_.topic.read(position, types_, usual_batch);
    } catch (const storage::Error&) {
        return {};
    }
}

void Subscription::handle_all(UnitOfWork& work, const Topic::Events& events) {
    storage::Connection& db = work.db();
    for (const auto& event : events) {
        if (std::ranges::binary_search(passed_over_, event->position)) {
            continue;
        }
        const LogContext context = context_of(*event);
        const LogScope scope(context);
        if (holds(db, event->key)) {
            batch_.held_some = true;
            hold(work, *event, 0, {}, std::nullopt);
        } else if (careful()) {
            handle_carefully(work, *event);
        } else {
            handle(work, *event);
        }
    }
}

/// The writer may run a job twice before it tells of it: the first time was rolled back then. And a
/// file that was opened again after an error may have lost what was not synced.
void Subscription::begin_rows() {
    const std::uint64_t opened = context_.outbox.database().writer().generation();
    if (rows_unsure_ || rows_of_ != opened) {
        clear_rows();
    }
    rows_of_ = opened;
    rows_unsure_ = true;
}

void Subscription::flush_rows(storage::Connection& db) {
    if (policies_.rows()) {
        policies_.rows()->flush(db);
    }
}

void Subscription::clear_rows() {
    if (policies_.rows()) {
        policies_.rows()->clear();
    }
}

void Subscription::handle(UnitOfWork& work, const Envelope& event) {
    if (context_.before_handling) {
        context_.before_handling(name(), event);
    }
    const Policies::Policy* policy = policies_.find(event.type);
    if (policy == nullptr) {  // a binary that did handle it has held it
        throw std::runtime_error(fmt::format("{} does not handle {} any more", name(), event.type));
    }
    const Timed timed(durations_[static_cast<std::size_t>(policy - policies_.all().data())]);
    work.begin_handling(event, policy->effect);
    policy->handle(event, work);
    work.end_handling();
}

void Subscription::handle_carefully(UnitOfWork& work, const Envelope& event) {
    storage::Connection& db = work.db();
    db.prepare(savepoint_event).run();
    try {
        handle(work, event);
        flush_rows(db);
    } catch (const std::exception& error) {
        if (storage::fault_of(error, db) == storage::Fault::storage) {
            throw;  // the batch is repeated
        }
        spdlog::warn(
            "{} could not handle {} {} at {}, it is held: {}",
            name(),
            event.type,
            event.key,
            event.position,
            error.what()
        );
        stats_.failures.add();
        clear_rows();
        db.prepare(rollback_event).run();
        hold(work, event, 1, error.what(), next_try(1));
        batch_.held_some = true;
    }
    db.prepare(release_event).run();
}

std::optional<std::int64_t> Subscription::next_try(std::int64_t attempts) {
    if (attempts >= retry_.attempts) {
        return std::nullopt;
    }
    return context_.clock.now_ms() +
           backoff_ms(attempts, retry_.first_ms, retry_.most_ms, context_.random);
}

bool Subscription::submit_retries() {
    if (!next_held_ms_ || *next_held_ms_ > context_.clock.now_ms()) {
        return false;
    }
    const storage::Reader reader = context_.outbox.database().read();
    auto rows = std::make_shared<std::vector<Held::Row>>(
        held_.due(*reader, context_.clock.now_ms(), max_retries)
    );
    if (rows->empty()) {
        look_for_held(*reader);
        return false;
    }
    in_flight_ = true;
    context_.outbox.database().writer().submit({
        .durable = true,
        .run = [this, rows](storage::Connection& db) { return retry(db, *rows); },
        .done =
            [this, rows](const storage::Outcome& outcome) {
                const bool rolled_back = outcome.kind == storage::Outcome::Kind::rolled_back;
                finished(outcome, std::nullopt);
                if (outcome.kind == storage::Outcome::Kind::committed) {
                    note_retries(*rows);
                }
                if (rolled_back) {
                    trouble_.pause(context_.clock.steady_ms());
                }
            },
    });
    return true;
}

void Subscription::note_retries(const std::vector<Held::Row>& rows) {
    for (RetryTime& retry : retrying_) {
        retry.committed_ms = context_.clock.now_ms();
        retry_times_.add(retry);
        const auto row = std::ranges::find(rows, retry.position, [](const Held::Row& r) {
            return r.event.position;
        });
        if (retry.handled && row != rows.end()) {
            const LogContext context = context_of(row->event);
            const LogScope scope(context);
            spdlog::info(
                "{} handled {} {} at {}, which was held (attempt {})",
                name(),
                row->event.type,
                row->event.key,
                retry.position,
                retry.attempt
            );
        }
    }
}

bool Subscription::retry(storage::Connection& db, const std::vector<Held::Row>& rows) {
    begin_rows();
    UnitOfWork work(db, context_.outbox, context_.clock, {});
    retrying_.clear();
    look_for_held_ = true;
    for (const Held::Row& row : rows) {
        if (!held_.exists(db, row)) {
            continue;
        }
        const LogContext context = context_of(row.event);
        const LogScope scope(context);
        retrying_.push_back(
            {.position = row.event.position,
             .attempt = row.attempts + 1,
             .began_ms = work.now_ms(),
             .handled = true}
        );
        stats_.retries.add();
        db.prepare(savepoint_event).run();
        try {
            handle(work, row.event);
            flush_rows(db);
            held_.handled(db, row, work.now_ms());
        } catch (const std::exception& error) {
            if (storage::fault_of(error, db) == storage::Fault::storage) {
                throw;
            }
            stats_.failures.add();
            clear_rows();
            db.prepare(rollback_event).run();
            retrying_.back().handled = false;
            const auto again = next_try(row.attempts + 1);
            spdlog::warn(
                "{} could not handle {} {} at {} (attempt {}), it is {}: {}",
                name(),
                row.event.type,
                row.event.key,
                row.event.position,
                row.attempts + 1,
                again ? "held" : "parked",
                error.what()
            );
            held_.failed(db, row.id, error.what(), again);
        }
        db.prepare(release_event).run();
    }
    return true;
}

bool Subscription::move_cursor(storage::Connection& db, std::int64_t from, std::int64_t to) const {
    if (from == 0) {
        db.prepare(insert_cursor).bind(name()).run();
    }
    db.prepare(update_cursor).bind(name(), to, from).run();
    return db.changes() == 1;
}

void Subscription::submit_cursor(std::int64_t position) {
    in_flight_ = true;
    context_.outbox.database().writer().submit({
        .durable = false,
        .run = [this, from = stored_, position](storage::Connection& db
               ) { return move_cursor(db, from, position); },
        .done = [this, position](const storage::Outcome& outcome) { finished(outcome, position); },
    });
}

void Subscription::save_cursor() {
    if (!in_flight_ && position() > stored_) {
        submit_cursor(position());
    }
}

void Subscription::finished(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to) {
    in_flight_ = false;
    if (std::exchange(rows_unsure_, false) && outcome.kind != storage::Outcome::Kind::committed) {
        clear_rows();
    }
    try {
        look_again(outcome, moved_to);
    } catch (const std::exception& error) {
        // The writer tells others after us. What could not be read is read at the next step: a held
        // event is looked for, and a stale cursor makes the next batch fail, which reads it again.
        trouble_.failed(error.what(), context_.clock.steady_ms());
        any_held_ = true;
        next_held_ms_ = context_.clock.now_ms();
    }
}

void Subscription::look_again(
    const storage::Outcome& outcome, std::optional<std::int64_t> moved_to
) {
    using Kind = storage::Outcome::Kind;
    if (outcome.kind == Kind::committed) {
        trouble_.succeeded();
        if (moved_to) {
            stored_ = *moved_to;
            cursor_.store(stored_, std::memory_order_release);
            saved_at_ms_ = context_.clock.steady_ms();
        }
        if (look_for_held_) {
            const storage::Reader reader = context_.outbox.database().read();
            look_for_held(*reader);
        }
        return;
    }
    if (outcome.kind == Kind::rolled_back && outcome.error && !careful()) {
        spdlog::debug("subscription {}: {}", name(), reason(outcome.error));
        careful_until_ = moved_to.value_or(careful_until_);
        return;
    }
    if (outcome.kind != Kind::rolled_back || outcome.error) {
        trouble_.failed(
            reason(outcome.error) + "; the batch is repeated", context_.clock.steady_ms()
        );
    }
    reload();
}

void Subscription::held_changed() {
    any_held_ = true;
    next_held_ms_ = context_.clock.now_ms();
}

void Subscription::replace_by(storage::Connection& db, const Subscription& other) {
    clear_rows();  // they are of the rows that go
    db.prepare(insert_cursor).bind(name()).run();
    db.prepare(replace_cursor).bind(name(), other.name()).run();
    db.prepare(delete_cursor).bind(other.name()).run();
    held_.replace_by(db, other.held_);
    any_held_ = true;  // perhaps: a batch of ours may be next in this transaction
    held_keys_.add_all(other.held_keys_);
}

void Subscription::clear(storage::Connection& db) const {
    db.prepare(delete_cursor).bind(name()).run();
    held_.clear(db);
}

}  // namespace bookstore::bus
