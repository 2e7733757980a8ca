#include "kernel/story.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace bookstore::kernel {
namespace {

/// The first field whose name `is_it` says yes to, as text.
template <class F>
std::string first_field(const bus::Envelope& event, F is_it) {
    boost::json::error_code error;
    const auto payload = boost::json::parse(event.payload, error);
    if (error || !payload.is_object()) {
        return {};
    }
    for (const auto& [name, value] : payload.get_object()) {
        if (is_it(std::string_view(name))) {
            return value.is_string() ? std::string(value.get_string())
                                     : boost::json::serialize(value);
        }
    }
    return {};
}

}  // namespace

std::string field_in(const bus::Envelope& event, std::string_view name) {
    return first_field(event, [name](std::string_view candidate) { return candidate == name; });
}

std::string status_in(const bus::Envelope& event) {
    return first_field(event, [](std::string_view name) {
        return name == "status" || name.ends_with("Status");
    });
}

}  // namespace bookstore::kernel
