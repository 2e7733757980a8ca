#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "observe/trace_collector.hpp"

// The requests of a timeline: what they wrote, held against those that were seen.

namespace bookstore::observe {

using Seen = TraceRequests::Seen;
using Kind = TimelineEntry::Kind;

void Collector::add_untold(const std::string& context, const kernel::StoryPart& part) {
    for (const kernel::StoryPart::Untold& untold : part.untold) {
        add_request(
            {.time_ms = untold.time_ms,
             .trace = untold.trace,
             .context = context,
             .known_from = fmt::format("the {} context", context),
             .rank = request_rank,
             .request = untold.request}
        );
    }
}

void Collector::add_request(const WrittenRequest& request) {
    if (request.request.begins) {
        first_trace_ = request.trace;
    }
    TimelineEntry entry{
        .at_ms = request.time_ms,
        .kind = Kind::request,
        .name = request.request.name,
        .context = request.context,
        .trace = request.trace,
        .detail =
            fmt::format("known from {} alone: its time is that of the change", request.known_from),
        .rank = request.rank
    };
    // A trace may be that of many requests: this one was under way when its change was written.
    const auto seen = requests_.of_trace(request.trace);
    const auto it = std::ranges::find_if(seen, [&](const Seen& candidate) {
        return candidate.arrived_ms <= request.time_ms &&
               request.time_ms <= candidate.answered_ms && request.request.is_it(candidate);
    });
    if (it != seen.end()) {
        entry.at_ms = it->arrived_ms;
        entry.until_ms = it->answered_ms;
        entry.name = fmt::format("{} {}", http::name_of(it->method), it->path);
        entry.detail = fmt::format("answered {}", it->status);
    } else {
        ++unseen_requests_;
    }
    timeline_.entries.push_back(std::move(entry));
}

}  // namespace bookstore::observe
