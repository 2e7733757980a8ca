#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bookstore::kafka {

/// The few things that are read of the client's own statistics (librdkafka's STATISTICS.md).
struct Statistics {
    std::optional<std::int64_t> leader{};  ///< id of the broker that has the partition, if known
    bool up = false;                       ///< connected to it; without one, to any of them
    std::int64_t disconnects = 0;          ///< of all since the client began
    std::int64_t round_trip_us = 0;        ///< average of the leader; 0: nothing was asked
};

/// Nothing when the text is none of that.
std::optional<Statistics> parse_statistics(std::string_view text, std::string_view topic);

}  // namespace bookstore::kafka
