#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/event.hpp"
#include "bus/key_filter.hpp"
#include "storage/database.hpp"

namespace bookstore::bus {

/// The held table of a module: events that a subscription could not handle yet, and those of the
/// same key behind them. The first of a key is retried; the others wait for it. One whose attempts
/// are used up is parked: it is not retried any more, and nothing behind it is, until somebody
/// acts. Writer's thread, inside a transaction, unless said otherwise.
class Held {
  public:
    explicit Held(std::string subscription) : subscription_(std::move(subscription)) {}

    struct Row {
        std::int64_t id = 0;
        std::int64_t attempts = 0;
        Envelope event;
    };

    /// Is an event of that key held, by this subscription?
    bool has(storage::Connection& db, std::string_view key) const;
    /// Holds an event that failed (attempts 1, next try given; without one it is parked), or that
    /// waits behind one (0, none).
    void hold(
        storage::Connection& db,
        const Envelope& event,
        std::int64_t attempts,
        std::string_view error,
        std::int64_t now_ms,
        std::optional<std::int64_t> next_try_ms
    ) const;
    /// The one that is due and has waited longest. Also on a reader.
    std::vector<Row> due(storage::Connection& db, std::int64_t now_ms, std::size_t limit) const;
    /// Still there and not parked? (Once a row was skipped, its id may be that of another event.)
    bool exists(storage::Connection& db, const Row& row) const;
    /// It failed again; nothing as the next try parks it.
    void failed(
        storage::Connection& db,
        std::int64_t id,
        std::string_view error,
        std::optional<std::int64_t> next_try_ms
    ) const;
    /// It is handled: it goes, and the next one of its key is due now.
    void handled(storage::Connection& db, const Row& row, std::int64_t now_ms) const;
    /// Earliest next try; nothing when none waits for a time. Also on a reader.
    std::optional<std::int64_t> next_try(storage::Connection& db) const;
    /// Every key that an event is held of. Also on a reader.
    KeyFilter keys(storage::Connection& db) const;
    /// Is any event held? Also on a reader.
    bool any(storage::Connection& db) const;
    struct Counts {
        std::int64_t held = 0;
        std::int64_t parked = 0;
    };
    Counts counts(storage::Connection& db) const;
    /// Everything held under `from` is held under this subscription from now on, what was goes.
    void replace_by(storage::Connection& db, const Held& from) const;
    void clear(storage::Connection& db) const;

  private:
    std::string subscription_;
};

/// Does any subscription of the module hold an event of that key? Any connection of the module.
bool holds_key(storage::Connection& db, std::string_view subscription, std::string_view key);

}  // namespace bookstore::bus
