#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bookstore {

/// Why bytes that ought to be JSON in UTF-8 are not, and which encoding they look like: "is
/// UTF-16 (little-endian)", "begins with a byte order mark"; nothing when they are UTF-8. It goes
/// on after "the body".
std::optional<std::string> encoding_fault(std::string_view bytes);

}  // namespace bookstore
