#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/key.hpp"
#include "bus/event.hpp"
#include "http/message.hpp"
#include "storage/connection.hpp"

// What a context adds to the story of a key (the timeline of an order). That its events were
// published and handled, and what its tasks tried, is known without it.

namespace bookstore::kernel {

/// A request that was seen to write, and succeeded.
struct SeenRequest {
    std::int64_t arrived_ms = 0;  ///< wall clock
    std::int64_t answered_ms = 0;
    http::Method method = http::Method::post;
    int status = 0;
    std::string path;     ///< without query
    std::string created;  ///< "/orders/5": the path of its Location; empty: none
    std::string trace;
};

/// A request that must have happened, since what it wrote is there.
struct StoryRequest {
    std::string name;  ///< if nobody saw it: "PATCH or PUT /deliveries/5"
    /// Whether that is it, among those of the same trace that were under way then.
    std::function<bool(const SeenRequest&)> is_it;
    bool begins = false;  ///< it made what the story is about
};

/// What a context's file knows of a key, beside its events.
struct StoryPart {
    /// A request that changed it though no event tells of it.
    struct Untold {
        std::int64_t time_ms = 0;
        std::string trace;
        StoryRequest request;
    };
    struct Wait {
        std::string name;  ///< as a rule its task's
        std::string detail;
        std::int64_t attempts = 0;
        std::optional<std::int64_t> next_try_ms{};
    };

    /// Of the context alone that the key belongs to; nothing: there is no such thing.
    std::optional<std::string> status{};
    std::vector<Untold> untold{};  ///< in order
    std::vector<Wait> waits{};
};

/// An event of the story, and what helps to say where it came from.
struct StoryEvent {
    const bus::Envelope& event;
    std::span<const bus::Envelope> before;  ///< the story's events so far, every context's
    const StoryPart& known;                 ///< of its own context; empty when that is not hosted
    /// The last event of the same trace and of one of two types that stands before it in the log,
    /// and not far, whatever its key.
    std::function<std::optional<bus::Envelope>(std::string_view type, std::string_view other)>
        cause_before;
};

/// The request that an event goes back to.
struct EventRequest {
    StoryRequest request;
    /// The event of another story that the request published and that made this one happen;
    /// nothing: it published this one itself.
    std::optional<bus::Envelope> cause{};
};

/// What a context may add; each may be empty. Any thread.
struct Story {
    /// From its own file. Throws storage::Error.
    std::function<StoryPart(storage::Connection& db, const Key& key)> part{};
    /// Of an event that it published: nothing when no request did, but a policy or a task.
    std::function<std::optional<EventRequest>(const StoryEvent& event)> request_of{};
    /// The type of its event that every other one of the same key comes after; empty: none.
    std::string first_event{};
};

/// A field of an event, as text; empty when it is not there.
std::string field_in(const bus::Envelope& event, std::string_view name);
/// The first field of an event that is a status by its name ("status", "payStatus"), as text; empty
/// when there is none.
std::string status_in(const bus::Envelope& event);

}  // namespace bookstore::kernel
