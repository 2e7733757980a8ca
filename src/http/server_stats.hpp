#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/metrics.hpp"
#include "http/message.hpp"

namespace bookstore::http {

/// The requests of one route that were answered with one status.
struct RequestCount {
    Method method = Method::get;
    std::uint32_t route = 0;  ///< Request::route
    int status = 200;
    HistogramCounts durations{};  ///< from the whole request to the answer being written
};

/// How TLS connections began.
struct HandshakeCounts {
    std::uint64_t full = 0;
    std::uint64_t resumed = 0;  ///< with the key of an earlier connection, which costs less
    std::uint64_t failed = 0;   ///< refused, too slow, or the client went
    std::uint64_t plain = 0;    ///< a request came without TLS
};

/// What a server has counted, over all of its threads.
struct ServerStats {
    std::size_t connections = 0;    ///< open now
    std::uint64_t accepted = 0;     ///< connections
    std::uint64_t turned_away = 0;  ///< of them, because there were too many
    /// Of these, because there were too many of one client.
    std::uint64_t turned_away_of_client = 0;
    std::uint64_t in_flight = 0;  ///< requests that have no answer yet; open event streams too
    HandshakeCounts handshakes{};
    std::vector<RequestCount> requests{};
};

}  // namespace bookstore::http
