#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/key.hpp"

namespace bookstore::bus {

/// The struct that an event's payload was read as, once somebody did. Thread-safe.
class Reading {
  public:
    /// `read` makes the struct when nobody did before. E is always the struct of the event's type.
    template <class E, class F>
    std::shared_ptr<const E> get(F read) {
        const std::scoped_lock lock(mutex_);
        if (!event_) {
            event_ = std::make_shared<const E>(read());
        }
        return std::static_pointer_cast<const E>(event_);
    }

  private:
    std::mutex mutex_;
    std::shared_ptr<const void> event_;  ///< of the struct that has the event's type
};

/// An event on its way: what crosses from one context to another, and nothing else.
struct Envelope {
    std::int64_t position = 0;  ///< in the topic, from 1; 0 while it is not there
    std::string source;         ///< the module that published it
    std::int64_t source_position =
        0;            ///< in that module's outbox; with `source` the event's identity
    std::string key;  ///< events of one key are handled in order
    std::string type;
    std::int64_t time_ms = 0;
    std::string trace;    ///< of the request that caused it, see base/trace.hpp; may be empty
    std::string payload;  ///< the JSON line
    /// What the payload was read as, shared by all who read the same event; may be null.
    std::shared_ptr<Reading> reading{};
};

/// Event types, small: a subscription's filter.
using Types = std::vector<std::string>;

/// A described struct with its name on the wire, and what it is about.
template <class E>
concept Event = requires(const E& event) {
    { E::event_type } -> std::convertible_to<std::string_view>;
    { event.key() } -> std::convertible_to<Key>;
};

/// {"eventType":...,"timestamp":...,<fields>,"me":true}. What is around the fields is written by
/// hand: every event comes here, and a json::Object takes half as many instructions again.
template <Event E>
std::string payload_of(const E& event, std::int64_t time_ms) {
    std::string out;
    out.reserve(256);
    out += R"({"eventType":")";
    out += E::event_type;
    out += R"(","timestamp":")";
    out += event_timestamp(time_ms);
    out += "\",";
    json::append_fields(out, event);
    out += R"(,"me":true})";
    return out;
}

}  // namespace bookstore::bus
