#include "fuzz/fuzz.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>

namespace bookstore::fuzz {

std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

boost::json::value read_back(std::string_view json) {
    boost::json::error_code error;
    auto value = boost::json::parse(json, error);
    require(!error, "what was written is no JSON: " + std::string(json));
    return value;
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

}  // namespace bookstore::fuzz
