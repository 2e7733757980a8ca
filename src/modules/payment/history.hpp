#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "storage/connection.hpp"

namespace bookstore::payment {

/// A call to VAN that an order's payment waits for.
struct WaitingCall {
    std::string call;           ///< charge, refund
    std::int64_t attempts = 0;  ///< without an answer
    std::int64_t next_try_ms = 0;
};

/// Nothing when there is none.
std::optional<WaitingCall> waiting_call(storage::Connection& db, std::int64_t order_id);

}  // namespace bookstore::payment
