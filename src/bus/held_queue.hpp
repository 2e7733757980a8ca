#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bus/event_handler.hpp"
#include "bus/held_table.hpp"
#include "bus/key_filter.hpp"
#include "bus/stats.hpp"
#include "bus/subscription_context.hpp"

namespace bookstore::bus {

/// The events that a subscription holds, on their way to being handled after all. What of the table
/// it knows in memory (which keys are held, when the next event is to be tried) may be more than
/// there is, never less. Module's thread.
class HeldQueue {
  public:
    HeldQueue(
        EventHandler& handler,
        const SubscriptionContext& context,
        RetryPolicy retry,
        SubscriptionStats& stats
    );

    const HeldTable& table() const { return table_; }
    /// Reads which keys are held. `db` must have no time limit: there may be millions.
    void read_keys(storage::Connection& db);
    /// Reads whether any is held, and when the next one is to be tried.
    void refresh(storage::Connection& db);
    /// Since the last refresh() the table was written here.
    bool needs_refresh() const { return needs_refresh_; }
    /// The table was, or may have been, changed by others: whether one is due is looked up at once.
    void changed();
    /// Inside a transaction: what the other one holds is held here, what was goes.
    void replace_by(storage::Connection& db, const HeldQueue& other);

    /// Is an event of that key held? Most keys are known to be without asking the file.
    bool holds(storage::Connection& db, std::string_view key) const;
    /// One that the handler failed at.
    void hold_failed(UnitOfWork& work, const Envelope& event, std::string_view error);
    /// One that comes after another of its key that is held.
    void hold_waiting(UnitOfWork& work, const Envelope& event);

    /// In how many ms the next one is to be tried; nothing when none waits for a time.
    std::optional<std::int64_t> due_in_ms() const;
    bool may_be_due() const;
    /// Those that are due, as many as one transaction tries.
    std::vector<HeldEvent> due(storage::Connection& db) const;
    /// Inside a transaction: each of them is tried once more, if it is still there.
    void retry(UnitOfWork& work, const std::vector<HeldEvent>& events);
    /// That transaction was committed.
    void retried(const std::vector<HeldEvent>& events);

  private:
    void retry(UnitOfWork& work, const HeldEvent& event);
    void hold(
        UnitOfWork& work,
        const Envelope& event,
        std::int64_t attempts,
        std::string_view error,
        std::optional<std::int64_t> next_try_ms
    );
    std::optional<std::int64_t> next_try(std::int64_t attempts) const;

    EventHandler& handler_;
    const SubscriptionContext& context_;
    const RetryPolicy retry_;
    SubscriptionStats& stats_;
    HeldTable table_;
    bool any_ = false;  ///< the table may have rows of ours
    KeyFilter keys_;    ///< at least the keys of these rows
    bool needs_refresh_ = false;
    std::optional<std::int64_t> next_try_ms_;  ///< the earliest, on Clock::now_ms
    std::vector<RetryTime> under_way_;  ///< the attempts of the transaction that was run last
};

}  // namespace bookstore::bus
