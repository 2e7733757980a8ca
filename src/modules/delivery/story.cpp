#include "modules/delivery/story.hpp"

#include <algorithm>

#include "modules/delivery/events.hpp"

namespace bookstore::delivery {
namespace {

bool has_shipped(const bus::Envelope& event) {
    return event.type == DeliveryStatusChanged::event_type &&
           kernel::field_in(event, "deliveryStatus") == "Shipped";
}

/// The policies cancel a delivery, and ship it once; everything else is a courier's request.
std::optional<kernel::EventRequest> request_of(const kernel::StoryEvent& changed) {
    if (changed.event.type != DeliveryStatusChanged::event_type) {
        return std::nullopt;
    }
    const std::string status = kernel::field_in(changed.event, "deliveryStatus");
    if (status == "CancelDelivery" ||
        (status == "Shipped" && std::ranges::none_of(changed.before, has_shipped))) {
        return std::nullopt;
    }
    const std::string path = "/deliveries/" + kernel::field_in(changed.event, "id");
    return kernel::EventRequest{
        {.name = "PATCH or PUT " + path,
         .is_it = [path](const kernel::SeenRequest& seen) { return seen.path == path; }}
    };
}

}  // namespace

kernel::Story story() {
    return {.request_of = request_of};
}

}  // namespace bookstore::delivery
