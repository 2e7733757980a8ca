#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/hal.hpp"
#include "observe/trace_timeline.hpp"

// GET /trace/orders/{id} as it is shown. Times are ms since 1970, or between two moments.

namespace bookstore::observe {

constexpr std::array<std::string_view, 4> words_of(TimelineEntry::Kind) {
    return {"request", "event", "handler", "task"};
}

struct EntryResource {
    static constexpr std::string_view schema_name = "TraceEntry";
    using exact_names = void;
    std::int64_t at_ms = 0;
    std::int64_t since_start_ms = 0;
    std::int64_t gap_ms = 0;
    std::optional<std::int64_t> took_ms;
    TimelineEntry::Kind kind{};
    std::string name;
    std::string context;
    std::optional<std::int64_t> position;
    std::string trace_id;
    std::string detail;
};
BOOST_DESCRIBE_STRUCT(
    EntryResource,
    (),
    (at_ms, since_start_ms, gap_ms, took_ms, kind, name, context, position, trace_id, detail)
)

struct WaitResource {
    static constexpr std::string_view schema_name = "TraceWait";
    using exact_names = void;
    std::string name;
    std::string context;
    std::string detail;
    std::int64_t attempts = 0;
    std::optional<std::int64_t> next_try_ms;
};
BOOST_DESCRIBE_STRUCT(WaitResource, (), (name, context, detail, attempts, next_try_ms))

struct TimelineResource {
    static constexpr std::string_view schema_name = "Trace";
    using exact_names = void;
    std::int64_t orderId = 0;
    std::string orderStatus;
    std::int64_t start_ms = 0;
    std::int64_t lasted_ms = 0;
    std::vector<EntryResource> entries;
    std::vector<WaitResource> waiting;
    bool complete = false;
    std::vector<std::string> missing;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(
    TimelineResource,
    (),
    (orderId, orderStatus, start_ms, lasted_ms, entries, waiting, complete, missing, _links)
)

}  // namespace bookstore::observe
