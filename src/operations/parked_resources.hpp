#pragma once

#include <array>
#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "bus/held_table.hpp"
#include "kernel/hal.hpp"

// Held events as resources: what is written of them, and described.

namespace bookstore::bus {

constexpr std::array<std::string_view, 4> words_of(HeldEvent::State) {
    return {"RETRYING", "WAITING", "PARKED", "SKIPPED"};
}

}  // namespace bookstore::bus

namespace bookstore::operations {

/// A text that another program wrote: it may be no UTF-8.
struct Untrusted {
    std::string text;

    static kernel::Schema schema();
    friend void append(std::string& out, const Untrusted& value);
};

/// An event's payload: as it is when it is a JSON object, else as text.
struct Payload {
    std::string text;

    static kernel::Schema schema();
    friend void append(std::string& out, const Payload& payload);
};

struct HeldEventContent {
    static constexpr std::string_view schema_name = "HeldEventContent";
    std::int64_t position = 0;
    Untrusted type;
    Untrusted key;
    json::Timestamp published_at;
    Payload payload;
};
BOOST_DESCRIBE_STRUCT(HeldEventContent, (), (position, type, key, published_at, payload))

/// A held event as operators see it.
struct HeldEventResource {
    static constexpr std::string_view schema_name = "HeldEvent";
    std::string id;
    std::string module;
    std::string subscription;
    bus::HeldEvent::State state{};
    HeldEventContent event;
    Untrusted error;
    std::int64_t attempts = 0;
    json::Timestamp first_try;
    std::optional<json::Timestamp> next_try;
    json::Omittable<std::string> reason;
    json::Omittable<json::Timestamp> skipped_at;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(
    HeldEventResource,
    (),
    (id,
     module,
     subscription,
     state,
     event,
     error,
     attempts,
     first_try,
     next_try,
     reason,
     skipped_at,
     _links)
)

struct EmbeddedHeldEvents {
    static constexpr std::string_view schema_name = "HeldEventEmbedded";
    std::vector<HeldEventResource> parked;
};
BOOST_DESCRIBE_STRUCT(EmbeddedHeldEvents, (), (parked))

/// A page of them.
struct HeldEventPage {
    static constexpr std::string_view schema_name = "HeldEventPage";
    EmbeddedHeldEvents _embedded;
    kernel::LinkMap _links;
    kernel::PageNumbers page;
};
BOOST_DESCRIBE_STRUCT(HeldEventPage, (), (_embedded, _links, page))

/// How many were acted on, and how many the context still has parked.
struct CountedResource {
    static constexpr std::string_view schema_name = "HeldEventCount";
    std::string module;
    std::int64_t count = 0;
    std::int64_t parked = 0;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(CountedResource, (), (module, count, parked, _links))

}  // namespace bookstore::operations
