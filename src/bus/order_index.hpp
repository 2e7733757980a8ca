#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "storage/database.hpp"

namespace bookstore::bus {

/// Finds the events of one order in the topic without an index of all events, which would cost
/// every event. Nearly all events of an order stand near its first one, and orders' ids grow with
/// the positions: so a milestone every few thousand events says how far the ids had come, and only
/// what stands far behind its order's time (a courier's news, a late cancel) is a row of its own.
///
/// Relay's thread, inside the transaction that appends, unless said otherwise.
class OrderIndex {
  public:
    /// As the file has it.
    explicit OrderIndex(storage::Connection& db);

    /// An event was appended. What a transaction noted counts once it has committed.
    void note(storage::Connection& db, std::string_view key, std::int64_t position);
    /// The positions of that order's events, in order. Any thread, its own connection.
    static std::vector<std::int64_t> find(storage::Connection& db, std::int64_t order_id);

  private:
    struct Milestone {
        std::int64_t position;
        std::int64_t newest_order;
    };

    std::deque<Milestone> milestones_;  ///< those that are not far behind, and one that is
    std::int64_t newest_order_ = 0;
};

}  // namespace bookstore::bus
