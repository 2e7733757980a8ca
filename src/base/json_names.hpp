#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bookstore::json {

/// A name that stands twice in one of the objects of a valid JSON text, unescaped: readers differ
/// in which of the two values they take (RFC 8259 4). Nothing when there is none. Of a text that is
/// no JSON it says anything.
std::optional<std::string> repeated_name(std::string_view text);

}  // namespace bookstore::json
