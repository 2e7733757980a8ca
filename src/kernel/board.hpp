#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bus/event.hpp"
#include "bus/policies.hpp"
#include "kernel/fields.hpp"
#include "kernel/operation.hpp"

// What a context says of itself, as on its event-storming board: data, out of which the console's
// board, /asyncapi.json and `bookstore describe` are made.

namespace bookstore::kernel {

/// A type of event that a context publishes.
struct PublishedEvent {
    std::string type;               ///< "Ordered"
    std::string key_kind;           ///< of its key: "order"
    std::vector<FieldSpec> fields;  ///< between timestamp and me
    std::string example;            ///< the JSON line of one
};

inline bus::Types types_of(const std::vector<PublishedEvent>& events) {
    bus::Types types;
    for (const PublishedEvent& event : events) {
        types.push_back(event.type);
    }
    return types;
}

/// A command that a client may give.
struct CommandDescription {
    std::string id;       ///< of the operation: "placeOrder"
    std::string summary;  ///< "Place an order"
    std::string method;   ///< "POST"
    std::string path;     ///< "/orders"
};

/// "Whenever Ordered, take stock or wait."
struct PolicyDescription {
    std::string sentence;
    bus::Types whenever;
};

/// A table that is made from events alone, and can be rebuilt.
struct ReadModelDescription {
    std::string name;  ///< "my-page"
    bus::Types whenever;
};

/// One context's board.
struct Board {
    std::string context;
    std::vector<CommandDescription> commands{};
    std::vector<PublishedEvent> publishes{};
    std::vector<PolicyDescription> policies{};
    std::vector<ReadModelDescription> read_models{};
    std::vector<std::string> needs{};        ///< contexts that it asks and waits for
    std::vector<std::string> collections{};  ///< of its resources: "orders"
};

/// The event's type as the board has it.
template <bus::Event E>
PublishedEvent published_event() {
    const E example = E::example();
    constexpr std::int64_t example_ms = 1'599'713'435'000;  // 2020-09-10T04:50:35Z
    return {
        .type = std::string(E::event_type),
        .key_kind = std::string(example.key().kind),
        .fields = shown_fields<E>(),
        .example = bus::payload_of(example, example_ms)
    };
}

}  // namespace bookstore::kernel
