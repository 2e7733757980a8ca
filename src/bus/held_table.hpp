#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/due.hpp"
#include "bus/event.hpp"
#include "bus/key_filter.hpp"
#include "storage/connection.hpp"

namespace bookstore::bus {

/// An event that a subscription holds, or that was skipped there.
struct HeldEvent : Envelope {
    enum class State {
        retrying,  ///< it is tried at next_try_ms
        waiting,   ///< for the event of its key that was held before it
        parked,    ///< its attempts are used up: somebody must act
        skipped,   ///< an operator gave it up: its source and its trace are not kept
    };
    State state = State::waiting;
    std::int64_t id = 0;  ///< of its row; the id of one that went is given out again
    std::int64_t attempts = 0;
    std::string error;  ///< of the last attempt; empty before the first
    std::int64_t first_try_ms = 0;
    std::optional<std::int64_t> next_try_ms;
    std::string reason;  ///< why it was skipped
    std::optional<std::int64_t> skipped_at_ms;
};

/// One subscription's rows of its module's tables `held` and `skipped`. Held are the events that it
/// could not handle yet, and those of the same key that came after them. The first of a key is
/// retried; the others wait for it. One whose attempts are used up is parked: neither it nor those
/// that wait for it are retried, until an operator retries or skips it.
///
/// Whatever reads may use any connection of the module; whatever writes is called inside a
/// transaction of its writer. All throw storage::Error.
class HeldTable {
  public:
    struct Counts {
        std::int64_t held = 0;
        std::int64_t parked = 0;  ///< of those that are held
    };

    explicit HeldTable(std::string subscription) : subscription_(std::move(subscription)) {}

    const std::string& subscription() const { return subscription_; }

    // ---- what is held

    /// Is an event of that key held?
    bool has(storage::Connection& db, std::string_view key) const;
    /// What is held of that key, in the topic's order.
    std::vector<HeldEvent> of_key(storage::Connection& db, std::string_view key) const;
    /// Every key of which an event is held.
    KeyFilter keys(storage::Connection& db) const;
    Counts counts(storage::Connection& db) const;

    // ---- for the subscription: holding and retrying

    /// Holds an event that failed (attempts 1, next try given; without one it is parked), or that
    /// waits for another of its key (0, none).
    void hold(
        storage::Connection& db,
        const Envelope& event,
        std::int64_t attempts,
        std::string_view error,
        std::int64_t now_ms,
        std::optional<std::int64_t> next_try_ms
    ) const;
    /// Those whose next try is in that span, the one that has waited longest first.
    std::vector<HeldEvent> due(storage::Connection& db, DueSpan span, std::size_t limit) const;
    /// Is it still there, and not parked?
    bool is_retried(storage::Connection& db, const HeldEvent& event) const;
    /// It failed again; nothing as the next try parks it.
    void failed(
        storage::Connection& db,
        const HeldEvent& event,
        std::string_view error,
        std::optional<std::int64_t> next_try_ms
    ) const;
    /// It is handled: it goes, and the next one of its key is due now.
    void handled(storage::Connection& db, const HeldEvent& event, std::int64_t now_ms) const;
    /// The earliest next try; nothing when none waits for a time.
    std::optional<std::int64_t> next_try(storage::Connection& db) const;
    bool any(storage::Connection& db) const;
    /// Everything that is held there is held here from now on; what was held here goes.
    void replace_by(storage::Connection& db, const HeldTable& other) const;
    /// What is held there is held here too, and what is parked there is tried here once more; what
    /// was held here goes.
    void copy(storage::Connection& db, const HeldTable& other) const;
    /// Of what is held; nothing when nothing is.
    std::optional<std::int64_t> first_position(storage::Connection& db) const;
    void clear(storage::Connection& db) const;
    /// Of what is held, those at these positions go without a record; what waited for one of them
    /// is tried now.
    void pass_over(
        storage::Connection& db, const std::vector<std::int64_t>& positions, std::int64_t now_ms
    ) const;

    // ---- for operators. After a change, Subscription::held_changed() is to be called.

    /// In the topic's order, from the `offset`th on; all that is held, or what is parked alone.
    std::vector<HeldEvent> page(
        storage::Connection& db, bool parked_only, std::int64_t offset, std::int64_t limit
    ) const;
    std::int64_t count(storage::Connection& db, bool parked_only) const;
    /// The one at that position that is held, or that was skipped.
    std::optional<HeldEvent> find(storage::Connection& db, std::int64_t position) const;
    /// It is tried now, once more if it was parked. false when it is not held, or waits for
    /// another one of its key.
    bool retry(storage::Connection& db, std::int64_t position, std::int64_t now_ms) const;
    /// All that is parked is tried now; how many those were.
    std::int64_t retry_parked(storage::Connection& db, std::int64_t now_ms) const;
    /// It is never handled: it goes, what waited for it is tried now, and the record of it stays.
    /// false when it is not held.
    bool skip(
        storage::Connection& db, std::int64_t position, std::string_view reason, std::int64_t now_ms
    ) const;
    /// Skips what is parked, as much as one transaction may take; how many those were.
    std::int64_t skip_parked(storage::Connection& db, std::string_view reason, std::int64_t now_ms)
        const;
    /// The positions of those that were skipped, in order.
    std::vector<std::int64_t> skipped(storage::Connection& db) const;

  private:
    void remove(storage::Connection& db, const HeldEvent& event, std::int64_t now_ms) const;

    std::string subscription_;
};

}  // namespace bookstore::bus
