#pragma once

#include <string>
#include <string_view>

namespace bookstore::test {

/// JSON text with two spaces a level, every value as it was written: 1000.0 stays 1000.0.
std::string indented(std::string_view json);

}  // namespace bookstore::test
