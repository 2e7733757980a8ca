#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bus/due.hpp"
#include "kernel/paging.hpp"
#include "modules/inventory/inventory.hpp"
#include "storage/connection.hpp"

// The book inventory's SQL.

namespace bookstore::inventory::store {

/// A book that is there; nothing for a deleted one.
std::optional<Book> find_book(storage::Connection& db, std::int64_t id);
/// Also one that was deleted: what already refers to it goes on.
std::optional<std::int64_t> stock_of(storage::Connection& db, std::int64_t book_id);
std::int64_t insert_book(storage::Connection& db, const Book& book);
/// One whose event is there and whose row is not: with that id.
void insert_lost_book(storage::Connection& db, const Book& book);
void rename_book(storage::Connection& db, std::int64_t id, std::string_view name);
/// Stock came in (or, negative, was corrected): it counts as received.
void receive(storage::Connection& db, std::int64_t book_id, std::int64_t quantity);
/// Stock goes to a deliverable (negative), or comes back from one: nothing was received.
void move_stock(storage::Connection& db, std::int64_t book_id, std::int64_t quantity);
void mark_deleted(storage::Connection& db, std::int64_t id);
Book book_in(storage::Statement& row);
extern const kernel::DeletablePages book_pages;

std::int64_t insert_input(storage::Connection& db, const StockInput& input);
std::optional<StockInput> find_input(storage::Connection& db, std::int64_t id);
StockInput input_in(storage::Statement& row);
extern const kernel::TablePages input_pages;

void insert_deliverable(storage::Connection& db, const Deliverable& deliverable);
void set_status(storage::Connection& db, std::int64_t id, DeliverableStatus status);
std::optional<Deliverable> find_deliverable(storage::Connection& db, std::int64_t id);
std::optional<Deliverable> find_deliverable_of_order(
    storage::Connection& db, std::int64_t order_id
);
Deliverable deliverable_in(storage::Statement& row);
extern const kernel::TablePages deliverable_pages;

std::int64_t count_waiting(storage::Connection& db, std::int64_t book_id);
/// Waiting deliverables of a book after that order, lowest order first.
std::vector<Deliverable> waiting(
    storage::Connection& db, std::int64_t book_id, std::int64_t after_order, std::size_t limit
);

/// How far the orders that wait for a book were served, when that is not finished.
std::optional<std::int64_t> serving_after(storage::Connection& db, std::int64_t book_id);
void set_serving(
    storage::Connection& db,
    std::int64_t book_id,
    std::int64_t after_order,
    std::int64_t now_ms,
    std::string_view trace
);
void end_serving(storage::Connection& db, std::int64_t book_id);
struct Serving {
    std::int64_t id = 0;  ///< of the book
    std::string trace;    ///< of the request that brought the stock
};
std::vector<Serving> serving_due(storage::Connection& db, bus::DueSpan span, std::size_t limit);
std::optional<std::int64_t> serving_next(storage::Connection& db, std::int64_t now_ms);

}  // namespace bookstore::inventory::store
