#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <string_view>

// How the tables of `modules` and `parked` show what the server answered.

namespace bookstore::tools {

/// A member that is a string; "-" when it is none.
std::string_view text(const boost::json::object& object, std::string_view name);
std::int64_t number(const boost::json::object& object, std::string_view name);

}  // namespace bookstore::tools
