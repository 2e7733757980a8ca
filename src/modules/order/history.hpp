#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/connection.hpp"

namespace bookstore::order {

/// A request that changed an order though no event tells of it.
struct Untold {
    std::int64_t time_ms = 0;
    std::string request;  ///< place, cancel
    std::string trace;
};

/// What this context alone knows of an order's story.
struct History {
    std::string status;
    std::int64_t attempts = 0;                ///< to verify it
    std::optional<std::int64_t> next_try_ms;  ///< nothing: it is not asked for (any more)
    std::vector<Untold> untold;               ///< in order
};

/// Nothing when there is no such order.
std::optional<History> history_of(storage::Connection& db, std::int64_t id);

}  // namespace bookstore::order
