#include "bus/delivery.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace bookstore::bus {

Delivery::Delivery(
    EventHandler& handler,
    HeldQueue& held,
    const SubscriptionContext& context,
    SubscriptionStats& stats
)
    : handler_(handler),
      held_(held),
      context_(context),
      stats_(stats),
      types_(handler.policies().types()),
      cursor_(handler.name()) {}

void Delivery::read_cursor(storage::Connection& db) {
    stored_ = cursor_.read(db);
    backlog_.move_to(stored_);
}

void Delivery::moved_to(std::int64_t position) {
    stored_ = position;
    backlog_.move_to(position);
}

bool Delivery::must_be_durable(const Topic::Events& events) const {
    const auto is_durable = [](const Policies::Policy& policy) {
        return policy.effect == Effect::durable;
    };
    if (may_go_on()) {  // to events that are not known yet
        return std::ranges::any_of(handler_.policies().all(), is_durable);
    }
    return std::ranges::any_of(events, [&](const auto& event) {
        return is_durable(*handler_.policies().find(event->type));
    });
}

std::shared_ptr<Delivery::Batch> Delivery::next() {
    auto first = read(backlog_.position());
    if (first.events.empty()) {
        backlog_.move_to(first.scanned);
        return nullptr;
    }
    backlog_.set_waiting_since_ms(first.events.back()->time_ms);
    const bool durable = must_be_durable(first.events);
    // The position may be ahead of the stored cursor: what lies between is for others.
    const std::int64_t to = first.scanned;
    return std::make_shared<Batch>(stored_, std::move(first), to, std::size_t{0}, durable);
}

bool Delivery::run(storage::Connection& db, Batch& batch) {
    batch.to = batch.first.scanned;
    if (!cursor_.move(db, batch.from, batch.to, context_.topic.hash_at(batch.to))) {
        return false;
    }
    UnitOfWork work = handler_.begin(db);
    time_ = {.from = batch.from, .to = batch.to, .began_ms = work.now_ms()};
    handle_all(work, batch.first.events);
    batch.handled = batch.first.events.size();
    if (may_go_on()) {
        go_on(work, batch);
    }
    handler_.rows().flush(db);
    return true;
}

/// One transaction for many events writes a page once that they all change. They are read as they
/// are handled, while the processor's cache has them.
void Delivery::go_on(UnitOfWork& work, Batch& batch) {
    while (!has_enough(batch)) {
        const auto next = read_after(batch.to);
        if (next.events.empty()) {
            break;
        }
        batch.to = next.scanned;  // known, should one of them throw
        handle_all(work, next.events);
        batch.handled += next.events.size();
    }
    if (batch.to != batch.first.scanned) {
        const auto hash = context_.topic.hash_at(batch.to);
        cursor_.move(work.db(), batch.first.scanned, batch.to, hash);
        time_.to = batch.to;
    }
}

bool Delivery::has_enough(const Batch& batch) const {
    return batch.handled >= limits_.batch ||
           (batch.handled >= at_once_though_others_wait && context_.writer().others_wait());
}

Topic::Batch Delivery::read(std::int64_t position) const {
    auto batch = context_.topic.read(position, types_, usual_batch);
    if (batch.scanned > limits_.until) {
        std::erase_if(batch.events, [this](const auto& event) {
            return event->position > limits_.until;
        });
        batch.scanned = std::max(position, limits_.until);
    }
    return batch;
}

/// Nothing, when the topic cannot be read: the next step tells, and our file is not at fault.
Topic::Batch Delivery::read_after(std::int64_t position) const {
    try {
        return read(position);
    } catch (const storage::Error&) {
        return {};
    }
}

void Delivery::handle_all(UnitOfWork& work, const Topic::Events& events) {
    for (const auto& event : events) {
        if (std::ranges::binary_search(limits_.passed_over, event->position)) {
            continue;
        }
        const EventLogScope scope(*event);
        if (held_.holds(work.db(), event->key)) {
            time_.held_some = true;
            held_.hold_waiting(work, *event);
        } else if (careful()) {
            handle_or_hold(work, *event);
        } else {
            handler_.handle(work, *event);
        }
    }
}

void Delivery::handle_or_hold(UnitOfWork& work, const Envelope& event) {
    const auto failure = handler_.try_to_handle(work, event);
    if (!failure) {
        return;
    }
    spdlog::warn(
        "{} could not handle {} {} at {}, it is held: {}",
        handler_.name(),
        event.type,
        event.key,
        event.position,
        *failure
    );
    stats_.failures.add();
    held_.hold_failed(work, event, *failure);
    time_.held_some = true;
}

void Delivery::committed() {
    time_.committed_ms = context_.clock.now_ms();
    stats_.batch_times.add(time_);
}

void Delivery::count(const Batch& batch) {
    stats_.events.add(batch.handled);
    if (!spdlog::should_log(spdlog::level::debug)) {
        return;
    }
    for (const auto& event : batch.first.events) {
        const EventLogScope scope(*event);
        spdlog::debug(
            "{} handled {} {} at {}", handler_.name(), event->type, event->key, event->position
        );
    }
}

}  // namespace bookstore::bus
