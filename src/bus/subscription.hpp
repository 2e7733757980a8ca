#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bus/delivery.hpp"
#include "bus/event_handler.hpp"
#include "bus/held_queue.hpp"
#include "bus/policies.hpp"
#include "bus/stats.hpp"
#include "bus/subscription_context.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

/// A named durable cursor into the topic, kept in its module's own file. Handling a batch of
/// events, moving the cursor and writing new outbox rows are one transaction: every effect happens
/// exactly once, whatever is killed and whenever. Live delivery, catching up and recovery are the
/// same code.
///
/// It owns the delivery loop and the queue of held events, lets them write in turns, one
/// transaction at a time, and decides what follows from how that ended.
///
/// All members on the module's thread, but for those that say otherwise.
class Subscription {
  public:
    using Context = SubscriptionContext;

    Subscription(Policies policies, Context context, RetryPolicy retry = {});

    // ---- stepping

    /// Reads the cursor and listens. Throws storage::Refused when it stands beyond the topic's end;
    /// where that is a mirror, the gate of its module stays closed until it does not.
    void start(Delivery::Limits limits = {});
    /// Submits the next batch, or a retry, or a cursor that moved over foreign events; false when
    /// there is nothing to do.
    bool step();
    /// In how many ms step() has something to do again though nobody rings; nothing when nothing is
    /// due.
    std::optional<std::int64_t> due_in_ms() const;
    /// Counts all that the topic holds by now as known, so that lag() is of all of it.
    void refresh();
    /// An operator retried or skipped what it holds: it is looked up.
    void held_changed() { held_.changed(); }
    /// Writes the cursor if it moved over foreign events: before a stop.
    void save_cursor();

    // ---- a rebuild's

    /// Inside a transaction of the module: takes over cursor and held events of `other`, which
    /// goes. When it is committed, reload() follows.
    void replace_by(storage::Connection& db, const Subscription& other);
    /// Reads the cursor again, after a transaction that replaced it.
    void reload();
    /// Inside a transaction: cursor and held events are written under that name from now on, or
    /// those of that name are its own; where they come from, they go.
    void give_to(storage::Connection& db, const std::string& other_name) const;
    void take_from(storage::Connection& db, const std::string& other_name) const;
    /// Inside a transaction: the same cursor and held events as under that name, where they stay.
    void copy_from(storage::Connection& db, const std::string& other_name) const;
    /// Inside a transaction: it holds nothing at these positions any more.
    void pass_over(storage::Connection& db, const std::vector<std::int64_t>& positions) const;
    /// Inside a transaction: up to where all is handled or skipped, as the file has it.
    std::int64_t settled(storage::Connection& db) const;
    /// Inside a transaction: forgets cursor and held events.
    void clear(storage::Connection& db) const;
    /// It has caught up, and nothing is under way.
    bool idle() const { return at_rest() && lag() == 0; }
    /// No transaction of its own is under way: it may be taken apart.
    bool at_rest() const { return !in_flight_; }
    /// Its last transaction found the disk full.
    bool found_disk_full() const { return found_disk_full_; }

    // ---- how it stands. Any thread.

    const std::string& name() const { return handler_.name(); }
    /// Of the events that it handles.
    const Types& types() const { return types_; }
    /// Everything up to here is handled or held.
    std::int64_t position() const { return delivery_.backlog().position(); }
    /// How many events of the log follow its position, up to the last that it handles, as far as it
    /// was told; 0 when it has caught up.
    std::int64_t lag() const { return delivery_.backlog().size(); }
    /// When the first of them that it handles was published; nothing when it has caught up.
    std::optional<std::int64_t> waiting_since_ms() const;
    /// About the same without reading the log; of no meaning when it has caught up.
    std::int64_t backlog_since_ms() const { return delivery_.backlog().waiting_since_ms(); }
    /// What it last tried to read could be read, and what it wrote was taken.
    bool healthy() const { return reading_.healthy() && trouble_.healthy(); }
    /// What it holds, and what was skipped.
    const HeldTable& held() const { return held_.table(); }
    const SubscriptionStats& stats() const { return stats_; }
    /// How long the handler of each type took, a failure's time too.
    std::map<std::string, HistogramCounts> handler_durations() const {
        return handler_.durations();
    }

  private:
    void check_that_log_reaches_back() const;
    bool deliver();
    bool retry_held();
    bool gives_way() const;
    bool read_and_submit();
    std::int64_t pause_left_ms() const;
    void reading_failed(const std::exception& error);
    void submit_cursor();
    void finished(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to);
    void take_up(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to);

    const Context context_;
    SubscriptionStats stats_;
    EventHandler handler_;
    HeldQueue held_;
    Delivery delivery_;
    const Types types_;
    std::shared_ptr<void> listening_;
    bool found_disk_full_ = false;
    bool in_flight_ = false;           ///< a transaction of ours is submitted
    bool retried_ = false;             ///< held events were tried last: the others' turn
    std::int64_t saved_at_ms_ = 0;     ///< when the cursor was written, on Clock::steady_ms
    storage::StorageTrouble trouble_;  ///< of its transactions
    storage::StorageTrouble reading_;  ///< before and after them
};

}  // namespace bookstore::bus
