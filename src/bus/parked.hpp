#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/database.hpp"

namespace bookstore::bus {

/// An event that a subscription holds, or that was skipped there, as operators see it.
struct HeldEvent {
    enum class State {
        retrying,  ///< it is tried at next_try_ms
        waiting,   ///< behind another one of its key
        parked,    ///< its attempts are used up: somebody must act
        skipped,   ///< an operator gave it up
    };
    State state = State::waiting;
    std::int64_t position = 0;  ///< in the topic
    std::string key;
    std::string type;
    std::int64_t time_ms = 0;
    std::string payload;
    std::int64_t attempts = 0;
    std::string error;  ///< of the last attempt; empty before the first
    std::int64_t first_try_ms = 0;
    std::optional<std::int64_t> next_try_ms;
    std::string reason{};  ///< why it was skipped
    std::optional<std::int64_t> skipped_at_ms{};
};

/// What an operator does with the held events of one subscription. Reading on any connection of
/// the module; what changes something inside a transaction of its writer, and the subscription is
/// told afterwards (held_changed).
class Parked {
  public:
    explicit Parked(std::string subscription) : subscription_(std::move(subscription)) {}

    const std::string& subscription() const { return subscription_; }
    /// In the topic's order, from the `offset`th on; all that is held, or what is parked alone.
    std::vector<HeldEvent> page(
        storage::Connection& db, bool parked_only, std::int64_t offset, std::int64_t limit
    ) const;
    std::int64_t count(storage::Connection& db, bool parked_only) const;
    /// The one at that position that is held, or that was skipped.
    std::optional<HeldEvent> find(storage::Connection& db, std::int64_t position) const;

    /// It is tried now, once more if it was parked. false when it is not held, or waits behind
    /// another one of its key.
    bool retry(storage::Connection& db, std::int64_t position, std::int64_t now_ms) const;
    /// It is never handled: it goes, what waited behind it is tried now, and the record of it
    /// stays. false when it is not held.
    bool skip(
        storage::Connection& db, std::int64_t position, std::string_view reason, std::int64_t now_ms
    ) const;
    /// All that is parked; how many those were.
    std::int64_t retry_parked(storage::Connection& db, std::int64_t now_ms) const;
    /// As many as one transaction may take; how many those were.
    std::int64_t skip_parked(storage::Connection& db, std::string_view reason, std::int64_t now_ms)
        const;

    /// Positions that were skipped, in order.
    std::vector<std::int64_t> skipped(storage::Connection& db) const;

  private:
    std::string subscription_;
};

}  // namespace bookstore::bus
