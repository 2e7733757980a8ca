#include "tools/operator_json.hpp"

#include <boost/json/value.hpp>

namespace bookstore::tools {

std::string_view text(const boost::json::object& object, std::string_view name) {
    const auto& value = object.at(name);
    return value.is_string() ? std::string_view(value.as_string()) : std::string_view("-");
}

std::int64_t number(const boost::json::object& object, std::string_view name) {
    return object.at(name).to_number<std::int64_t>();
}

}  // namespace bookstore::tools
