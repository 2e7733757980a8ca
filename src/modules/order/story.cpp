#include "modules/order/story.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "modules/order/events.hpp"

namespace bookstore::order {
namespace {

using kernel::SeenRequest;
using kernel::StoryRequest;
using storage::Sql;

constexpr auto file = "order";

const Sql select_standing{
    file, "SELECT status, attempts, next_try, refused FROM orders WHERE id = ?1"
};
const Sql select_untold{
    file, "SELECT time, request, trace FROM untold WHERE order_id = ?1 ORDER BY nth"
};

StoryRequest placing(std::int64_t id) {
    return {
        .name = "POST /orders",
        .is_it = [path = fmt::format("/orders/{}", id)](const SeenRequest& seen
                 ) { return seen.created == path; },
        .begins = true
    };
}

StoryRequest canceling(std::int64_t id) {
    const std::string path = fmt::format("/orders/{}", id);
    return {.name = "DELETE " + path, .is_it = [path](const SeenRequest& seen) {
                return seen.path == path && seen.method == http::Method::del;
            }};
}

StoryRequest verifying(std::int64_t id) {
    const std::string path = fmt::format("/orders/{}/verification", id);
    return {.name = "POST " + path, .is_it = [path](const SeenRequest& seen) {
                return seen.path == path;
            }};
}

kernel::StoryPart part(storage::Connection& db, const Key& key) {
    auto order = db.prepare(select_standing);
    order.bind(key.id);
    if (key.kind != "order" || !order.step()) {
        return {};
    }
    kernel::StoryPart part{.status = order.string(0)};
    if (const auto next_try = order.optional_integer(2)) {
        const bool refused = order.integer(3) != 0;
        part.waits.push_back(
            {.name = refused ? "verify-refused-order" : "verify-order",
             .detail = refused ? "there is no such customer or book; asked for again once an hour"
                               : "customer and book are asked for again",
             .attempts = order.integer(1),
             .next_try_ms = next_try}
        );
    }
    auto row = db.prepare(select_untold);
    row.bind(key.id);
    while (row.step()) {
        part.untold.push_back(
            {.time_ms = row.integer(0),
             .trace = row.string(2),
             .request = row.string(1) == "place" ? placing(key.id) : canceling(key.id)}
        );
    }
    return part;
}

/// It was placed by a request; or, when it could not be verified then, the event came of a request
/// to verify it, or of the task, which goes on in the trace of the placing.
std::optional<StoryRequest> request_of_ordered(const kernel::StoryEvent& ordered, std::int64_t id) {
    std::optional<std::string> placed;  // the placing's trace
    for (const kernel::StoryPart::Untold& untold : ordered.known.untold) {
        if (untold.request.begins) {
            placed = untold.trace;
        }
    }
    if (!placed) {
        const auto first =
            std::ranges::find(ordered.before, Ordered::event_type, &bus::Envelope::type);
        if (first == ordered.before.end()) {
            return placing(id);
        }
        placed = first->trace;
    }
    return ordered.event.trace == *placed ? std::nullopt : std::optional(verifying(id));
}

std::optional<kernel::EventRequest> request_of(const kernel::StoryEvent& event) {
    const auto id = id_in_key(event.event.key, "order");
    if (id && event.event.type == OrderCanceled::event_type) {
        return kernel::EventRequest{canceling(*id)};
    }
    if (id && event.event.type == Ordered::event_type) {
        if (auto request = request_of_ordered(event, *id)) {
            return kernel::EventRequest{std::move(*request)};
        }
    }
    return std::nullopt;
}

}  // namespace

kernel::Story story() {
    return {.part = part, .request_of = request_of};
}

}  // namespace bookstore::order
