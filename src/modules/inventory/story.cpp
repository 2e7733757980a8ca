#include "modules/inventory/story.hpp"

#include <algorithm>
#include <utility>

#include "modules/inventory/events.hpp"
#include "modules/order/events.hpp"

namespace bookstore::inventory {
namespace {

using kernel::SeenRequest;
using kernel::StoryRequest;

StoryRequest cancel_of(const bus::Envelope& canceled) {
    const std::string path = "/orders/" + kernel::field_in(canceled, "orderId");
    return {.name = "DELETE " + path, .is_it = [path](const SeenRequest& seen) {
                return seen.path == path;
            }};
}

StoryRequest increase_of(const bus::Envelope& increased) {
    const std::string path = "/books/" + kernel::field_in(increased, "bookId");
    return {
        .name = "POST /stockInputs, or PATCH or PUT " + path,
        .is_it = [path](const SeenRequest& seen
                 ) { return seen.path == path || seen.path == "/stockInputs"; }
    };
}

/// An order that waited for stock was served by what brought some: a stock input, a raised stock,
/// or another order's cancel.
std::optional<kernel::EventRequest> request_of(const kernel::StoryEvent& prepared) {
    if (prepared.event.type != DeliveryPrepared::event_type || prepared.event.trace.empty()) {
        return std::nullopt;
    }
    auto cause =
        prepared.cause_before(InventoryIncreased::event_type, order::OrderCanceled::event_type);
    if (!cause) {
        return std::nullopt;
    }
    const bool was_there =
        std::ranges::any_of(prepared.before, [&cause](const bus::Envelope& event) {
            return event.type == order::Ordered::event_type && event.position > cause->position;
        });
    if (was_there) {
        return std::nullopt;
    }
    StoryRequest request =
        cause->type == order::OrderCanceled::event_type ? cancel_of(*cause) : increase_of(*cause);
    return kernel::EventRequest{std::move(request), std::move(cause)};
}

}  // namespace

kernel::Story story() {
    return {.request_of = request_of};
}

}  // namespace bookstore::inventory
