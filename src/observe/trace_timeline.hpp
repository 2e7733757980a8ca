#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/system.hpp"
#include "observe/trace_requests.hpp"

namespace bookstore::observe {

/// A step of an order's story.
struct TimelineEntry {
    enum class Kind { request, event, handler, task };

    std::int64_t at_ms = 0;  ///< wall clock: when it began; of an event: when it was published
    /// When it was answered, was relayed, was committed, had its outcome; nothing: not known.
    std::optional<std::int64_t> until_ms{};
    Kind kind = Kind::event;
    std::string name;
    std::string context;
    std::string trace{};                     ///< as stored
    std::optional<std::int64_t> position{};  ///< in the topic: of the event, or what is handled
    std::string detail{};
    std::int64_t rank = 0;  ///< of two that began in the same ms, the lower one caused the other
};

/// What an order waits for.
struct TimelineWait {
    std::string name;
    std::string context;
    std::string detail;
    std::int64_t attempts = 0;
    std::optional<std::int64_t> next_try_ms{};
};

struct Timeline {
    std::int64_t order_id = 0;
    std::string order_status;
    std::vector<TimelineEntry> entries;  ///< in order
    std::vector<TimelineWait> waits;
    std::vector<std::string> missing;  ///< what is not known, and why; empty: it is complete
};

/// Every request that changed the order, every event of it, who handled them, and what was asked of
/// others meanwhile. Requests and events are in the files; when requests came and were answered,
/// when handlers committed and what tasks tried is kept in memory alone.
///
/// Nothing when there is no such order here. Throws storage::Error. Any thread.
std::optional<Timeline> timeline_of(
    host::System& system, const TraceRequests& requests, std::int64_t order_id
);

/// What this process has of it, one of several: what its own contexts did and know, and the events
/// that it has. Without a status where the order's context is not hosted. When an event was
/// relayed, another process may know: what is not known of that is not said in `missing`.
Timeline timeline_part(host::System& system, const TraceRequests& requests, std::int64_t order_id);

/// As GET /trace/orders/{id} shows it; `base_url` is the links'.
std::string timeline_json(const Timeline& timeline, const std::string& base_url);

}  // namespace bookstore::observe
