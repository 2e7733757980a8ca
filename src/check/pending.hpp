#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "check/facts.hpp"

namespace bookstore::check {

/// A subscription: what it follows, and how far it has come.
struct Follower {
    std::string context;
    std::string subscription;
    std::bitset<most_types> types;
    std::int64_t cursor = 0;
    /// Of each order the first event that is held: the later ones are held behind it.
    std::unordered_map<std::int64_t, std::int64_t> held{};
    std::unordered_set<std::int64_t> skipped{};  ///< positions of events that it never handles

    /// It has handled the event, of a type that it follows; or it never will.
    bool handled(const Fact& fact) const;
    /// An operator gave the event up: what it would have done here is not there.
    bool skips(const Fact& fact) const { return skipped.contains(fact.position); }
};

/// Events that have not had their effect yet: on their way to the topic, behind a cursor, held.
struct Pending {
    std::vector<Follower> followers;
    std::unordered_set<std::int64_t> on_their_way;  ///< orders
    /// Orders of which an operator had an event skipped: what it would have done is not there.
    std::unordered_set<std::int64_t> skipped;
    std::unordered_set<std::int64_t> ordered_on_their_way;
    std::unordered_set<std::string> others_on_their_way;  ///< "book-1", "customer-2"
    std::int64_t unrelayed = 0;
    std::int64_t held_events = 0;
    std::int64_t parked_events = 0;

    /// Null when there is none.
    const Follower* find(std::string_view context, std::string_view subscription) const;
    /// Throws std::logic_error when there is none.
    const Follower& follower(std::string_view context, std::string_view subscription) const;
    /// Whether any context that follows it has still to.
    bool awaited(const Fact& fact) const;
};

/// Reads a context's outbox, cursors and held events, and holds them against the log.
void read_bus(
    const SqliteFile& file,
    const ContextFile& context,
    const Log& log,
    bool at_rest,
    Pending& pending,
    Findings& findings
);

}  // namespace bookstore::check
