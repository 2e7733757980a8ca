#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/message.hpp"

// If-Match and If-None-Match, held against entity tags: RFC 9110 8.8.3 and 13.1.

namespace bookstore::http {

/// Why If-Match is false for what has these tags now, the request's own first; nothing when it
/// holds or is not there. It says what helps where the tag only went through a compressing proxy.
std::optional<std::string> if_match_fault(
    const Request& request, std::span<const std::string> tags
);

/// Whether If-Match names a tag: it is there, and not "*".
bool if_match_names_tags(const Request& request);

/// Whether If-None-Match names that tag (or is "*"): the client has this one.
bool if_none_match_names(const Request& request, std::string_view tag);

}  // namespace bookstore::http
