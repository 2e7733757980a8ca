#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bookstore::http {

/// A request target, taken apart and decoded.
struct Target {
    std::string path;  ///< percent-decoded; no trailing slash but for "/"; "*" for OPTIONS *
    /// Where in `path` a slash stands that came as %2F: part of a segment, not its end. Ascending.
    std::vector<std::uint32_t> literal_slashes;
    std::vector<std::pair<std::string, std::string>> query;  ///< percent-decoded, in order
    std::string host;                                        ///< of the absolute form; else empty
    std::string scheme;  ///< of the absolute form, lower case; else empty
};

/// Takes apart a target of RFC 9112: "/path?query", "http://host/path?query" or "*".
/// Otherwise says what is wrong with it. Pure; any bytes may be given.
std::expected<Target, std::string> parse_target(std::string_view text);

}  // namespace bookstore::http
