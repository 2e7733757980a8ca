#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string_view>

namespace bookstore::auth {

/// The object that a JSON text is, without a name that stands twice in one object and without deep
/// nesting; nothing otherwise.
std::optional<boost::json::object> strict_object(std::string_view text);

/// A member that is a text; nothing when there is none or it is something else.
std::optional<std::string_view> text_member(const boost::json::object& of, std::string_view name);

}  // namespace bookstore::auth
