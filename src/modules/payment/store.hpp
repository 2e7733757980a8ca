#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/key.hpp"
#include "bus/due.hpp"
#include "kernel/paging.hpp"
#include "modules/payment/payment.hpp"
#include "storage/connection.hpp"

// The payment context's SQL.

namespace bookstore::payment::store {

/// A call to VAN that is to be made.
struct Intent {
    std::int64_t id = 0;  ///< of the payment
    Call call = Call::charge;
    Money amount;
    std::string key;
    std::int64_t attempts = 0;
    std::string trace;
    std::int64_t order_id = 0;

    Key subject() const { return {"order", order_id}; }
};

/// What is done about the payment from now on belongs to another request's trace.
void set_trace(storage::Connection& db, std::int64_t id, std::string_view trace);

/// A payment with what its transitions depend on.
struct Record {
    std::int64_t id = 0;
    std::int64_t order_id = 0;
    Standing standing;
};

/// `numbered`: among those of its customer.
std::int64_t insert(
    storage::Connection& db,
    const Payment& payment,
    const Standing& standing,
    std::string_view key,
    std::int64_t now_ms,
    std::string_view trace,
    bool numbered
);
std::optional<Record> find_record(storage::Connection& db, std::int64_t id);
std::optional<Record> find_record_of_order(storage::Connection& db, std::int64_t order_id);
/// Stores the new standing; a call that it did not have before is due at once.
void update(
    storage::Connection& db, std::int64_t id, const Standing& standing, std::int64_t now_ms
);
/// The order was canceled while VAN is asked.
void want_cancel(storage::Connection& db, std::int64_t id);
/// VAN did not answer: asked again at that time (wall clock).
void try_again(storage::Connection& db, std::int64_t id, std::int64_t next_try_ms);

/// VAN answers again: a bounded number of the intents that wait are due now. false: there are no
/// more.
bool try_some_now(storage::Connection& db, std::int64_t now_ms);

std::vector<Intent> due(storage::Connection& db, Call call, bus::DueSpan span, std::size_t limit);
std::optional<std::int64_t> next_try(storage::Connection& db, Call call, std::int64_t now_ms);

Payment payment_in(storage::Statement& row);
std::optional<Payment> find(storage::Connection& db, std::int64_t id);
std::optional<Payment> find_of_order(storage::Connection& db, std::int64_t order_id);
extern const kernel::TablePages pages;
extern const kernel::FinderPages pages_of_customer;

// ---- of payments that were made without it

void learn_customer(storage::Connection& db, std::int64_t order_id, std::int64_t customer_id);
void number_by_customer(storage::Connection& db);

}  // namespace bookstore::payment::store
