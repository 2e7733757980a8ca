#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "bus/log_index.hpp"
#include "bus/topic.hpp"

namespace bookstore::host {

/// Finds the events of one order in the log without an index of all events, which would cost every
/// event. Nearly all events of an order stand near its first one, and orders' ids grow with the
/// positions: so a milestone every few thousand events says how far the ids had come, and only what
/// stands far after its order's time (a courier's news, a late cancel) is a row of its own.
class OrderIndex final : public bus::LogIndex {
  public:
    void append(storage::Connection& db, std::span<const bus::Envelope> events) override;
    void remove(storage::Connection& db, std::int64_t up_to) override;
    void forget() override { state_.reset(); }
    /// One event was appended, of that key.
    void note(storage::Connection& db, std::string_view key, std::int64_t position);

    // ---- any thread; throw storage::Error

    /// The events of that order, as far as they are in the log.
    static std::vector<bus::Envelope> events_of(bus::Topic& topic, std::int64_t order_id);
    /// The last event of that trace and of one of two types that stands before `position`, and not
    /// far: what made that event happen. Nothing when there is none.
    static std::optional<bus::Envelope> cause_before(
        bus::Topic& topic,
        std::int64_t position,
        std::string_view trace,
        std::string_view type,
        std::string_view other
    );

  private:
    struct Milestone {
        std::int64_t position;
        std::int64_t newest_order;
    };
    struct State {
        std::deque<Milestone> milestones;  ///< those that are not far, and one that is
        std::int64_t newest_order = 0;
    };

    static State read(storage::Connection& db, std::int64_t before);

    std::optional<State> state_;  ///< nothing: to be read
};

}  // namespace bookstore::host
