#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace bookstore::test {

/// What is wrong with a value by a JSON Schema (2020-12, those keywords that our description uses),
/// a line each: "/page/size: 1001 is above 1000". Empty when nothing is. A $ref is looked up in
/// `document`. Throws std::invalid_argument for a keyword, type or format that it does not know:
/// nothing is valid because nobody looked.
std::vector<std::string> schema_faults(
    const boost::json::value& document,
    const boost::json::value& schema,
    const boost::json::value& value
);

/// What "#/components/schemas/Order" names. Throws std::invalid_argument when there is no such.
const boost::json::value& resolved(const boost::json::value& document, std::string_view reference);

/// The characters of valid UTF-8.
std::wstring characters_of(std::string_view text);

}  // namespace bookstore::test
