#include "auth/strict_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstddef>

#include "base/json_names.hpp"

namespace bookstore::auth {
namespace {

constexpr std::size_t most_depth = 16;

}  // namespace

std::optional<boost::json::object> strict_object(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = most_depth;
    boost::json::error_code error;
    auto value = boost::json::parse(text, error, {}, options);
    if (error || !value.is_object() || json::repeated_name(text)) {
        return std::nullopt;
    }
    return std::move(value.get_object());
}

std::optional<std::string_view> text_member(const boost::json::object& of, std::string_view name) {
    const auto* member = of.if_contains(name);
    if (member == nullptr || !member->is_string()) {
        return std::nullopt;
    }
    return member->get_string();
}

}  // namespace bookstore::auth
