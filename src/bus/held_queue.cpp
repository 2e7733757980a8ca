#include "bus/held_queue.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace bookstore::bus {
namespace {

constexpr std::size_t max_retries = 64;  ///< in one transaction

}  // namespace

HeldQueue::HeldQueue(
    EventHandler& handler,
    const SubscriptionContext& context,
    RetryPolicy retry,
    SubscriptionStats& stats
)
    : handler_(handler), context_(context), retry_(retry), stats_(stats), table_(handler.name()) {}

void HeldQueue::read_keys(storage::Connection& db) {
    if (any_) {
        keys_ = table_.keys(db);
    }
}

void HeldQueue::refresh(storage::Connection& db) {
    next_try_ms_ = table_.next_try(db);
    any_ = table_.any(db);
    needs_refresh_ = false;
    if (!any_) {
        keys_.clear();
    }
}

void HeldQueue::changed() {
    any_ = true;
    next_try_ms_ = context_.clock.now_ms();
}

void HeldQueue::replace_by(storage::Connection& db, const HeldQueue& other) {
    table_.replace_by(db, other.table_);
    any_ = true;  // perhaps: a batch of ours may be next in this transaction
    keys_.add_all(other.keys_);
}

bool HeldQueue::holds(storage::Connection& db, std::string_view key) const {
    return any_ && keys_.may_have(key) && table_.has(db, key);
}

void HeldQueue::hold_failed(UnitOfWork& work, const Envelope& event, std::string_view error) {
    hold(work, event, 1, error, next_try(1));
}

void HeldQueue::hold_waiting(UnitOfWork& work, const Envelope& event) {
    hold(work, event, 0, {}, std::nullopt);
}

void HeldQueue::hold(
    UnitOfWork& work,
    const Envelope& event,
    std::int64_t attempts,
    std::string_view error,
    std::optional<std::int64_t> next_try_ms
) {
    any_ = true;
    keys_.add(event.key);
    needs_refresh_ = true;
    table_.hold(work.db(), event, attempts, error, work.now_ms(), next_try_ms);
}

std::optional<std::int64_t> HeldQueue::next_try(std::int64_t attempts) const {
    if (attempts >= retry_.attempts) {
        return std::nullopt;
    }
    return context_.clock.now_ms() +
           backoff_ms(attempts, retry_.first_ms, retry_.most_ms, context_.random);
}

std::optional<std::int64_t> HeldQueue::due_in_ms() const {
    return next_try_ms_
               ? std::optional(wait_ms(*next_try_ms_, context_.clock.now_ms(), retry_.most_ms))
               : std::nullopt;
}

bool HeldQueue::may_be_due() const {
    return due_in_ms() == 0;
}

std::vector<HeldEvent> HeldQueue::due(storage::Connection& db) const {
    const std::int64_t now = context_.clock.now_ms();
    return all_due(now, retry_.most_ms, max_retries, [&](DueSpan span, std::size_t most) {
        return table_.due(db, span, most);
    });
}

void HeldQueue::retry(UnitOfWork& work, const std::vector<HeldEvent>& events) {
    under_way_.clear();
    needs_refresh_ = true;
    for (const HeldEvent& event : events) {
        if (table_.is_retried(work.db(), event)) {
            retry(work, event);
        }
    }
}

void HeldQueue::retry(UnitOfWork& work, const HeldEvent& event) {
    const EventLogScope scope(event);
    const std::int64_t attempt = event.attempts + 1;
    under_way_.push_back(
        {.position = event.position, .attempt = attempt, .began_ms = work.now_ms(), .handled = true}
    );
    stats_.retries.add();
    const auto failure = handler_.try_to_handle(work, event);
    if (!failure) {
        table_.handled(work.db(), event, work.now_ms());
        return;
    }
    stats_.failures.add();
    under_way_.back().handled = false;
    const auto again = next_try(attempt);
    spdlog::warn(
        "{} could not handle {} {} at {} (attempt {}), it is {}: {}",
        handler_.name(),
        event.type,
        event.key,
        event.position,
        attempt,
        again ? "held" : "parked",
        *failure
    );
    table_.failed(work.db(), event, *failure, again);
}

void HeldQueue::retried(const std::vector<HeldEvent>& events) {
    for (RetryTime& retry : under_way_) {
        retry.committed_ms = context_.clock.now_ms();
        stats_.retry_times.add(retry);
        const auto event = std::ranges::find(events, retry.position, &HeldEvent::position);
        if (retry.handled && event != events.end()) {
            const EventLogScope scope(*event);
            spdlog::info(
                "{} handled {} {} at {}, which was held (attempt {})",
                handler_.name(),
                event->type,
                event->key,
                retry.position,
                retry.attempt
            );
        }
    }
}

}  // namespace bookstore::bus
