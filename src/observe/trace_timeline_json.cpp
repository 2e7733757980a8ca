#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/trace.hpp"
#include "observe/trace_resource.hpp"

namespace bookstore::observe {
namespace {

std::optional<std::int64_t> took_ms(const TimelineEntry& entry) {
    if (!entry.until_ms) {
        return std::nullopt;
    }
    return std::max<std::int64_t>(*entry.until_ms - entry.at_ms, 0);
}

std::vector<EntryResource> entries_of(const Timeline& timeline, std::int64_t start_ms) {
    std::vector<EntryResource> entries;
    std::int64_t before_ms = start_ms;
    for (const TimelineEntry& entry : timeline.entries) {
        entries.push_back({
            .at_ms = entry.at_ms,
            .since_start_ms = entry.at_ms - start_ms,
            .gap_ms = entry.at_ms - before_ms,
            .took_ms = took_ms(entry),
            .kind = entry.kind,
            .name = entry.name,
            .context = entry.context,
            .position = entry.position,
            .trace_id = std::string(trace_id_of(entry.trace)),
            .detail = entry.detail,
        });
        before_ms = entry.at_ms;
    }
    return entries;
}

}  // namespace

std::string timeline_json(const Timeline& timeline, const std::string& base_url) {
    const auto& entries = timeline.entries;
    TimelineResource resource;
    resource.orderId = timeline.order_id;
    resource.orderStatus = timeline.order_status;
    if (!entries.empty()) {
        resource.start_ms = entries.front().at_ms;
        resource.lasted_ms = entries.back().at_ms - entries.front().at_ms;
    }
    resource.entries = entries_of(timeline, resource.start_ms);
    for (const TimelineWait& wait : timeline.waits) {
        resource.waiting.push_back(
            {wait.name, wait.context, wait.detail, wait.attempts, wait.next_try_ms}
        );
    }
    resource.complete = timeline.missing.empty();
    resource.missing = timeline.missing;
    const std::string order = fmt::format("/orders/{}", timeline.order_id);
    resource._links.add("self", base_url + "/trace" + order).add("order", base_url + order);
    return json::text_of(resource);
}

}  // namespace bookstore::observe
