#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bus/held.hpp"
#include "bus/outbox.hpp"
#include "bus/policies.hpp"
#include "bus/pressure.hpp"
#include "bus/stats.hpp"
#include "bus/times.hpp"
#include "bus/topic.hpp"
#include "storage/trouble.hpp"

namespace bookstore::bus {

struct RetryPolicy {
    std::int64_t attempts = 10;  ///< then the event is parked
    std::int64_t first_ms = 200;
    std::int64_t most_ms = 60'000;
};

using BeforeHandling = std::function<void(std::string_view subscription, const Envelope& event)>;

/// A named durable cursor into the topic, kept in its module's own file. Handling a batch of
/// events, moving the cursor and writing new outbox rows are one transaction: every effect happens
/// exactly once, whatever is killed and whenever. Live delivery, catching up and recovery are the
/// same code.
///
/// All members on the module's thread, but for those that say otherwise.
class Subscription {
  public:
    /// Of a batch that may be larger: so many events are some 5 ms.
    static constexpr std::size_t at_once_though_others_wait = 1024;

    struct Context {
        Topic& topic;
        Outbox& outbox;
        const Clock& clock;
        Random& random;
        Pressure& pressure;
        std::function<void()> ring;  ///< wakes the module's thread
        /// If set, called before an event is handled; what it throws is a handler's failure. For
        /// tests of what happens then.
        BeforeHandling before_handling{};
    };

    Subscription(Policies policies, Context context, RetryPolicy retry = {});

    /// How many events it handles in one transaction at most, as long as nobody else of the module
    /// wants to write; when somebody does, it is at_once_though_others_wait. Before start().
    Subscription& in_batches_of(std::size_t events) {
        max_batch_ = events;
        return *this;
    }

    /// Reads the cursor and listens. Throws storage::Refused when it stands beyond the topic's end.
    void start();
    /// Submits the next batch, or a retry, or a cursor that moved over foreign events; false when
    /// there is nothing to do.
    bool step();
    /// Writes the cursor if it moved over foreign events: before a stop.
    void save_cursor();
    /// Counts what the topic holds by now as known: caught_up() looks at all of it.
    void look() { told_of(context_.topic.end()); }
    /// When step() has something to do again though nobody rings, on Clock::now_ms.
    std::optional<std::int64_t> next_due_ms() const;

    /// Inside a transaction of the module: takes over cursor and held events of `other`, which
    /// goes.
    void replace_by(storage::Connection& db, const Subscription& other);
    /// Inside a transaction: forgets cursor and held events.
    void clear(storage::Connection& db) const;
    /// Reads the cursor again, after a transaction that replaced it.
    void reload();
    /// An operator retried or skipped what it holds: it looks there.
    void held_changed();
    /// Events at these positions, in order, were skipped: they are passed over, as if they had been
    /// handled. Before start().
    void pass_over(std::vector<std::int64_t> positions) { passed_over_ = std::move(positions); }
    const std::vector<std::int64_t>& passed_over() const { return passed_over_; }

    const std::string& name() const { return policies_.subscription(); }
    const Types& types() const { return types_; }
    /// Everything up to here is handled or held. Any thread.
    std::int64_t position() const { return cursor_.load(std::memory_order_acquire); }
    /// Nothing that it handles lies behind its cursor, as far as it was told. Any thread.
    bool caught_up() const;
    /// How many events of the log lie behind its cursor, up to the last that it handles; 0 when it
    /// has caught up. Any thread.
    std::int64_t lag() const;
    /// When the first event that it handles behind its cursor was published; nothing when it has
    /// caught up. Any thread.
    std::optional<std::int64_t> behind_since_ms() const;
    /// Caught up, and nothing under way.
    bool idle() const { return !in_flight_ && caught_up(); }
    /// When what it handled lately was handled. Any thread.
    const BatchTimes& times() const { return times_; }
    /// Of what was held. Any thread.
    const RetryTimes& retry_times() const { return retry_times_; }
    Held::Counts held_counts(storage::Connection& db) const { return held_.counts(db); }
    /// Any thread.
    const SubscriptionStats& stats() const { return stats_; }
    /// How long the handler of each type took, a failure's time too. Any thread.
    std::map<std::string, HistogramCounts> handler_durations() const;

  private:
    /// What one transaction handles.
    struct Batch {
        std::int64_t from = 0;
        Topic::Batch first;       ///< what it begins with
        std::int64_t to = 0;      ///< how far it came
        std::size_t handled = 0;  ///< events
    };

    static constexpr std::size_t usual_batch = 256;

    bool careful() const { return stored_ < careful_until_; }
    bool may_go_on() const { return max_batch_ > usual_batch && !careful(); }
    bool has_enough(const Batch& batch) const;
    bool durable(const Topic::Events& events) const;
    void submit_batch(Topic::Batch first);
    bool run_batch(storage::Connection& db, Batch& batch);
    void go_on(UnitOfWork& work, Batch& batch);
    Topic::Batch more_after(std::int64_t position) const;
    void handle_all(UnitOfWork& work, const Topic::Events& events);
    void handle_carefully(UnitOfWork& work, const Envelope& event);
    void begin_rows();
    void flush_rows(storage::Connection& db);
    void clear_rows();
    bool submit_retries();
    void note_retries(const std::vector<Held::Row>& rows);
    bool retry(storage::Connection& db, const std::vector<Held::Row>& rows);
    void submit_cursor(std::int64_t position);
    bool move_cursor(storage::Connection& db, std::int64_t from, std::int64_t to) const;
    void finished(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to);
    void look_again(const storage::Outcome& outcome, std::optional<std::int64_t> moved_to);
    void log_handled(const Topic::Events& events) const;
    void told_of(std::int64_t position);
    bool gives_way() const;
    void handle(UnitOfWork& work, const Envelope& event);
    std::optional<std::int64_t> next_try(std::int64_t attempts);
    bool holds(storage::Connection& db, const std::string& key) const;
    void hold(
        UnitOfWork& work,
        const Envelope& event,
        std::int64_t attempts,
        std::string_view error,
        std::optional<std::int64_t> next_try_ms
    );
    void look_for_held(storage::Connection& db);

    Policies policies_;
    const Types types_;  ///< of the events that they are for
    Context context_;
    RetryPolicy retry_;
    Held held_;
    std::vector<HandlerDurations> durations_;  ///< of each policy, in their order
    bool rows_unsure_ = false;                 ///< flushed, and not known to be committed
    std::uint64_t rows_of_ = 0;                ///< the writer's generation that they were read in
    std::size_t max_batch_ = usual_batch;
    std::shared_ptr<void> listening_;

    std::atomic<std::int64_t> newest_{0};  ///< last event of our types that we were told of
    std::atomic<std::int64_t> cursor_{0};  ///< how far we looked
    /// When the oldest event that waits came, about; of no meaning when none waits.
    std::atomic<std::int64_t> waiting_since_ms_{0};
    BatchTimes times_;
    RetryTimes retry_times_;
    BatchTime batch_;                  ///< the one under way
    std::vector<RetryTime> retrying_;  ///< those under way
    std::int64_t stored_ = 0;          ///< the cursor as it stands in the file
    bool in_flight_ = false;
    std::int64_t careful_until_ = 0;  ///< a batch up to here threw: now a savepoint an event
    bool any_held_ = false;           ///< the held table may have rows of ours
    KeyFilter held_keys_;             ///< at least the keys of these rows
    bool look_for_held_ = false;      ///< these rows were changed
    std::optional<std::int64_t> next_held_ms_;
    bool retried_ = false;  ///< held events were tried last: the others' turn
    std::vector<std::int64_t> passed_over_;
    SubscriptionStats stats_;
    std::int64_t saved_at_ms_ = 0;  ///< on Clock::steady_ms
    storage::StorageTrouble trouble_;
};

}  // namespace bookstore::bus
