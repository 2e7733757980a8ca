#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "bus/backlog.hpp"
#include "bus/cursor.hpp"
#include "bus/event_handler.hpp"
#include "bus/held_queue.hpp"
#include "bus/stats.hpp"
#include "bus/subscription_context.hpp"

namespace bookstore::bus {

/// The delivery loop of a subscription: reads the events that follow its position, handles a batch
/// of them, and moves the cursor in the same transaction. Module's thread, but for backlog().
class Delivery {
  public:
    /// Of a batch that may be larger: so many events are some 5 ms.
    static constexpr std::size_t at_once_though_others_wait = 1024;
    static constexpr std::size_t usual_batch = 256;

    /// What one transaction handles.
    struct Batch {
        std::int64_t from = 0;    ///< the stored cursor
        Topic::Batch first;       ///< what it begins with
        std::int64_t to = 0;      ///< how far it came
        std::size_t handled = 0;  ///< events
        bool durable = true;      ///< its commit must be synced
    };
    struct Limits {
        /// Events of one transaction at most, as long as nobody else of the module wants to write;
        /// when somebody does, it is at_once_though_others_wait.
        std::size_t batch = usual_batch;
        /// Events at these positions, in order, are passed over as if they had been handled.
        std::vector<std::int64_t> passed_over{};
        /// Nothing behind this position is handled.
        std::int64_t until = std::numeric_limits<std::int64_t>::max();
    };

    Delivery(
        EventHandler& handler,
        HeldQueue& held,
        const SubscriptionContext& context,
        SubscriptionStats& stats
    );

    void set_limits(Limits limits) { limits_ = std::move(limits); }
    Backlog& backlog() { return backlog_; }
    const Backlog& backlog() const { return backlog_; }
    const Cursor& cursor() const { return cursor_; }
    /// The cursor as it stands in the file, as far as is known.
    std::int64_t stored() const { return stored_; }
    /// Reads the cursor and goes on from there.
    void read_cursor(storage::Connection& db);

    /// The next batch; null when what was read is for others, and the position moved over it.
    std::shared_ptr<Batch> next();
    /// Inside a transaction. false when the cursor does not stand where the batch begins: a rebuild
    /// has put another one there, and it is to be read again.
    bool run(storage::Connection& db, Batch& batch);
    /// The transaction was committed. Before moved_to().
    void committed();
    /// Its events are counted and logged. After moved_to().
    void count(const Batch& batch);
    /// The file has the cursor there.
    void moved_to(std::int64_t position);
    /// A batch up to there failed because of a handler: up to there each event has a savepoint of
    /// its own, and one that fails is held.
    void be_careful_until(std::int64_t position) { careful_until_ = position; }
    bool careful() const { return stored_ < careful_until_; }

  private:
    bool may_go_on() const { return limits_.batch > usual_batch && !careful(); }
    bool must_be_durable(const Topic::Events& events) const;
    bool has_enough(const Batch& batch) const;
    Topic::Batch read(std::int64_t position) const;
    Topic::Batch read_after(std::int64_t position) const;
    void go_on(UnitOfWork& work, Batch& batch);
    void handle_all(UnitOfWork& work, const Topic::Events& events);
    void handle_or_hold(UnitOfWork& work, const Envelope& event);

    EventHandler& handler_;
    HeldQueue& held_;
    const SubscriptionContext& context_;
    SubscriptionStats& stats_;
    const Types types_;  ///< of the events that it handles
    const Cursor cursor_;
    Limits limits_;
    Backlog backlog_;
    std::int64_t stored_ = 0;
    std::int64_t careful_until_ = 0;
    BatchTime time_;  ///< of the batch under way
};

}  // namespace bookstore::bus
