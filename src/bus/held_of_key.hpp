#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/connection.hpp"

namespace bookstore::bus {

/// An event that a subscription holds, as the timeline of its order shows it.
struct HeldOfKey {
    std::int64_t position = 0;
    std::int64_t attempts = 0;  ///< 0: it waits behind another of its key
    std::string error;
    std::int64_t first_try_ms = 0;
    std::optional<std::int64_t> next_try_ms;
    bool parked = false;
};

/// In the topic's order. Any connection of the module.
std::vector<HeldOfKey> held_of_key(
    storage::Connection& db, std::string_view subscription, std::string_view key
);

}  // namespace bookstore::bus
