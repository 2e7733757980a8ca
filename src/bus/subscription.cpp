#include "bus/subscription.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "storage/error.hpp"

namespace bookstore::bus {
namespace {

using Kind = storage::Outcome::Kind;

constexpr std::int64_t save_every_ms = 1000;  ///< a cursor that moved over foreign events alone

}  // namespace

Subscription::Subscription(Policies policies, Context context, RetryPolicy retry)
    : context_(std::move(context)),
      handler_(std::move(policies), context_),
      held_(handler_, context_, retry, stats_),
      delivery_(handler_, held_, context_, stats_),
      types_(handler_.policies().types()),
      trouble_("subscription " + name()),
      reading_("subscription " + name()) {}

void Subscription::start(Delivery::Limits limits) {
    delivery_.set_limits(std::move(limits));
    reload();
    if (delivery_.stored() > context_.topic.end() && !context_.topic.is_mirror()) {
        throw storage::Refused(fmt::format(
            "the data directory was put together from different moments: {}.db has handled the "
            "events up to {} (subscription {}), but topic.db ends at {}; restore both from one "
            "backup",
            context_.outbox.source(),
            delivery_.stored(),
            name(),
            context_.topic.end()
        ));
    }
    check_that_log_reaches_back();
    held_.read_keys(context_.writer().connection());
    listening_ = context_.topic.listen(types_, [this](std::int64_t position) {
        delivery_.backlog().extend_to(position, context_.clock.now_ms());
        context_.ring();
    });
    refresh();  // what came before we listened
}

/// Else it would lose events.
void Subscription::check_that_log_reaches_back() const {
    const std::int64_t first = context_.topic.first();
    if (delivery_.stored() + 1 >= first) {
        return;
    }
    throw storage::Refused(fmt::format(
        "{}.db has handled the events up to {} (subscription {}), but topic.db begins at {}: those "
        "in between were removed by --topic-retention while this context was not hosted; restore "
        "both from one backup",
        context_.outbox.source(),
        delivery_.stored(),
        name(),
        first
    ));
}

void Subscription::refresh() {
    delivery_.backlog().extend_to(context_.topic.end(), context_.clock.now_ms());
}

void Subscription::reload() {
    const storage::Reader reader = context_.read();
    delivery_.read_cursor(*reader);
    handler_.rows().clear();  // the file may stand where it stood before they were written
    refresh();
    held_.refresh(*reader);
}

std::optional<std::int64_t> Subscription::waiting_since_ms() const {
    if (lag() == 0) {
        return std::nullopt;
    }
    const auto batch = context_.topic.read(position(), types_, 1);
    // With a long run of foreign events in front, the next event stands for the first of ours.
    return batch.events.empty() ? context_.topic.time_of_next_after(batch.scanned)
                                : std::optional(batch.events.front()->time_ms);
}

// ---- stepping

bool Subscription::step() {
    if (in_flight_ || pause_left_ms() > 0) {
        return false;
    }
    bool submitted = false;
    try {
        submitted = read_and_submit();
        reading_.succeeded();
    } catch (const std::exception& error) {
        reading_failed(error);
        return false;
    }
    if (submitted) {
        return true;
    }
    if (position() > delivery_.stored() &&
        context_.clock.steady_ms() >= saved_at_ms_ + save_every_ms) {
        submit_cursor();
        return true;
    }
    if (lag() == 0 && position() == delivery_.stored() && !held_.may_be_due()) {
        trouble_.succeeded();  // what failed is not there to be repeated
    }
    return false;
}

/// What it submits first has to be read.
bool Subscription::read_and_submit() {
    // In turns: many that fail again and again must not keep the others from being handled.
    if (!std::exchange(retried_, false) && retry_held()) {
        retried_ = true;
        return true;
    }
    return deliver() || retry_held();
}

std::int64_t Subscription::pause_left_ms() const {
    const std::int64_t now = context_.clock.steady_ms();
    return std::max(trouble_.pause_left_ms(now), reading_.pause_left_ms(now));
}

void Subscription::reading_failed(const std::exception& error) {
    reading_.failed(error.what(), context_.clock.steady_ms());
}

bool Subscription::gives_way() const {
    return context_.pressure.gives_way(
        context_.clock.now_ms() - delivery_.backlog().waiting_since_ms(),
        Pressure::subscription_waits_ms
    );
}

std::optional<std::int64_t> Subscription::due_in_ms() const {
    if (in_flight_) {
        return std::nullopt;
    }
    std::optional<std::int64_t> due;
    const auto consider = [&due](std::int64_t ms) { due = due ? std::min(*due, ms) : ms; };
    const std::int64_t pause_ms = pause_left_ms();
    if (const auto held_due_ms = held_.due_in_ms()) {
        consider(std::max(*held_due_ms, pause_ms));
    }
    if (lag() > 0) {
        consider(gives_way() ? std::max(pause_ms, Pressure::ask_again_ms) : pause_ms);
    }
    if (position() > delivery_.stored()) {
        const std::int64_t save_at_ms = saved_at_ms_ + save_every_ms;
        consider(std::max(save_at_ms - context_.clock.steady_ms(), pause_ms));
    }
    return due;
}

bool Subscription::deliver() {
    if (lag() == 0 || gives_way()) {
        return false;
    }
    const auto batch = delivery_.next();
    if (!batch) {
        return true;
    }
    in_flight_ = true;
    context_.writer().submit({
        .durable = batch->durable,
        .run = [this, batch](storage::Connection& db) { return delivery_.run(db, *batch); },
        .done =
            [this, batch](const storage::Outcome& outcome) {
                in_flight_ = false;  // whatever is thrown from here on
                const bool committed = outcome.kind == Kind::committed;
                if (committed) {  // its time is known before the position says that it is handled
                    delivery_.committed();
                }
                finished(outcome, batch->to);
                if (committed) {
                    delivery_.count(*batch);
                }
            },
    });
    return true;
}

bool Subscription::retry_held() {
    if (!held_.may_be_due()) {
        return false;
    }
    const storage::Reader reader = context_.read();
    const auto events = std::make_shared<std::vector<HeldEvent>>(held_.due(*reader));
    if (events->empty()) {
        held_.refresh(*reader);
        return false;
    }
    in_flight_ = true;
    context_.writer().submit({
        .durable = true,
        .run =
            [this, events](storage::Connection& db) {
                UnitOfWork work = handler_.begin(db);
                held_.retry(work, *events);
                return true;
            },
        .done =
            [this, events](const storage::Outcome& outcome) {
                finished(outcome, std::nullopt);
                if (outcome.kind == Kind::committed) {
                    held_.retried(*events);
                } else if (outcome.kind == Kind::rolled_back) {
                    trouble_.pause(context_.clock.steady_ms());
                }
            },
    });
    return true;
}

void Subscription::submit_cursor() {
    in_flight_ = true;
    const std::int64_t to = position();
    context_.writer().submit({
        .durable = false,
        .run = [this, from = delivery_.stored(), to](storage::Connection& db
               ) { return delivery_.cursor().move(db, from, to, context_.topic.hash_at(to)); },
        .done = [this, to](const storage::Outcome& outcome) { finished(outcome, to); },
    });
}

void Subscription::save_cursor() {
    if (!in_flight_ && position() > delivery_.stored()) {
        submit_cursor();
    }
}

// ---- how a transaction ended

void Subscription::finished(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to) {
    in_flight_ = false;
    found_disk_full_ = storage::is_disk_full(outcome.error);
    try {
        handler_.rows().end(outcome.kind == Kind::committed);
        take_up(outcome, moved_to);
    } catch (const std::exception& error) {
        // The writer tells others after us. What could not be read is read at the next step: a held
        // event is looked for, and a stale cursor makes the next batch fail, which reads it again.
        reading_failed(error);
        held_.changed();
    }
}

void Subscription::take_up(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to) {
    if (outcome.kind == Kind::committed) {
        trouble_.succeeded();
        if (moved_to) {
            delivery_.moved_to(*moved_to);
            saved_at_ms_ = context_.clock.steady_ms();
        }
        if (held_.needs_refresh()) {
            const storage::Reader reader = context_.read();
            held_.refresh(*reader);
        }
        return;
    }
    if (outcome.kind == Kind::rolled_back && outcome.error && !delivery_.careful()) {
        spdlog::debug("subscription {}: {}", name(), storage::reason_of(outcome.error));
        if (moved_to) {
            delivery_.be_careful_until(*moved_to);
        }
        return;
    }
    if (outcome.kind != Kind::rolled_back || outcome.error) {
        trouble_.failed(
            storage::reason_of(outcome.error) + "; the batch is repeated",
            context_.clock.steady_ms()
        );
    }
    reload();
}

// ---- a rebuild's

void Subscription::replace_by(storage::Connection& db, const Subscription& other) {
    handler_.rows().clear();  // they are of the rows that go
    delivery_.cursor().replace_by(db, other.delivery_.cursor());
    held_.replace_by(db, other.held_);
}

void Subscription::give_to(storage::Connection& db, const std::string& other_name) const {
    Cursor(other_name).replace_by(db, delivery_.cursor());
    HeldTable(other_name).replace_by(db, held());
}

void Subscription::take_from(storage::Connection& db, const std::string& other_name) const {
    delivery_.cursor().replace_by(db, Cursor(other_name));
    held().replace_by(db, HeldTable(other_name));
}

void Subscription::copy_from(storage::Connection& db, const std::string& other_name) const {
    delivery_.cursor().copy(db, Cursor(other_name));
    held().copy(db, HeldTable(other_name));
}

void Subscription::pass_over(storage::Connection& db, const std::vector<std::int64_t>& positions)
    const {
    held().pass_over(db, positions, context_.clock.now_ms());
}

std::int64_t Subscription::settled(storage::Connection& db) const {
    const std::int64_t cursor = delivery_.cursor().read(db);
    return std::min(cursor, held().first_position(db).value_or(cursor + 1) - 1);
}

void Subscription::clear(storage::Connection& db) const {
    delivery_.cursor().clear(db);
    held().clear(db);
}

}  // namespace bookstore::bus
