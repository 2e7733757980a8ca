#pragma once

#include <fmt/format.h>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <stdexcept>

#include "bus/event.hpp"

// Kept apart from event.hpp: only who subscribes needs Boost.JSON.

namespace bookstore::bus {
namespace detail {

inline void take(const boost::json::value& value, std::int64_t& into) {
    into = value.as_int64();
}
inline void take(const boost::json::value& value, std::string& into) {
    into = value.as_string();
}
inline void take(const boost::json::value& value, bool& into) {
    into = value.as_bool();
}
inline void take(const boost::json::value& value, Money& into) {
    const auto money = Money::from_double(value.to_number<double>());
    if (!money) {
        throw std::invalid_argument("not an amount");
    }
    into = *money;
}
template <class T>
void take(const boost::json::value& value, std::optional<T>& into) {
    if (value.is_null()) {
        into.reset();
    } else {
        take(value, into.emplace());
    }
}

/// Without the source line that Boost adds to its own.
inline std::string reason(const std::exception& fault) {
    const auto* of_boost = dynamic_cast<const boost::system::system_error*>(&fault);
    return of_boost == nullptr ? fault.what() : of_boost->code().message();
}

}  // namespace detail

/// The event in a payload that payload_of made. Throws std::exception when it is none.
template <Event E>
E parse_event(std::string_view payload) {
    unsigned char buffer[2048];
    boost::json::monotonic_resource memory(buffer);
    boost::json::error_code error;
    const boost::json::value value = boost::json::parse(payload, error, &memory);
    if (error || !value.is_object()) {
        throw std::invalid_argument(fmt::format("event {}: it is no JSON object", E::event_type));
    }
    const boost::json::object& object = value.get_object();
    E event;
    json::for_each_field(event, [&](std::string_view name, auto& member) {
        try {
            detail::take(object.at(name), member);
        } catch (const std::exception& fault) {
            throw std::invalid_argument(
                fmt::format("event {}: field {}: {}", E::event_type, name, detail::reason(fault))
            );
        }
    });
    return event;
}

/// The event in an envelope, read once for all who share it. Throws as parse_event.
template <Event E>
std::shared_ptr<const E> event_in(const Envelope& envelope) {
    const auto read = [&envelope] { return parse_event<E>(envelope.payload); };
    return envelope.reading ? envelope.reading->get<E>(read) : std::make_shared<const E>(read());
}

}  // namespace bookstore::bus
