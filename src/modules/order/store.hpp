#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/key.hpp"
#include "bus/due.hpp"
#include "kernel/paging.hpp"
#include "modules/order/order.hpp"
#include "storage/connection.hpp"

// The order context's SQL.

namespace bookstore::order::store {

/// Stores the order; with `verify_at_ms` it is an intent to verify it later.
std::int64_t insert(
    storage::Connection& db,
    const Order& order,
    std::optional<std::int64_t> verify_at_ms,
    std::string_view trace
);
/// One whose event is there and whose row is not, or not as the event says: with that id. Ids have
/// no gaps: what is missing before it is there, canceled, of no customer.
void insert_lost(storage::Connection& db, const Order& order);
std::optional<Order> find(storage::Connection& db, std::int64_t id);
std::optional<Status> status_of(storage::Connection& db, std::int64_t id);
/// false: its status is not `before`; nothing is written.
bool set_status(
    storage::Connection& db, std::int64_t id, const Status& before, const Status& after
);
/// The order is ORDERED, or canceled: it is not to be verified any more.
void end_verification(
    storage::Connection& db, std::int64_t id, OrderStatus status, bool was_ordered
);
/// A request (place, cancel) changed it, and no event tells of that: for its timeline.
void note_untold(
    storage::Connection& db,
    std::int64_t id,
    std::int64_t now_ms,
    std::string_view request,
    std::string_view trace
);
Order order_in(storage::Statement& row);
extern const kernel::TablePages order_pages;
extern const kernel::FinderPages orders_of_customer;

/// An order that is to be verified.
struct ToVerify {
    std::int64_t id = 0;
    std::int64_t customer_id = 0;
    std::int64_t book_id = 0;
    std::int64_t attempts = 0;
    bool refused = false;  ///< a context said before that there is no such thing
    std::string trace;

    Key subject() const { return {"order", id}; }
};
/// Those that are due.
std::vector<ToVerify> to_verify(
    storage::Connection& db, bool refused, bus::DueSpan span, std::size_t limit
);
std::optional<std::int64_t> next_try(storage::Connection& db, bool refused, std::int64_t now_ms);
/// A context did not answer: verified again at that time (wall clock).
void try_again(storage::Connection& db, std::int64_t id, std::int64_t next_try_ms);
/// A context said that there is no such thing: asked for again at that time, with the refused ones.
void refuse(storage::Connection& db, std::int64_t id, std::int64_t next_try_ms);
/// A bounded number of the orders that wait to be verified, refused or not, are due now. false:
/// there are no more.
bool try_some_now(storage::Connection& db, bool refused, std::int64_t now_ms);

}  // namespace bookstore::order::store
