#pragma once

#include <optional>
#include <string>
#include <string_view>

// Small pure functions on the texts of HTTP. They allocate only what they append.

namespace bookstore::http {

/// ASCII only, as field names and tokens are.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Without the spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);

/// Cuts the next element off a comma-separated list; a comma inside a quoted string is none.
/// Returns it trimmed, possibly empty; nothing at the list's end.
std::optional<std::string_view> next_element(std::string_view& list, char separator = ',');

/// "host", "host:port", "[v6]", "[v6]:port" of RFC 9110 7.2, and not empty.
bool is_valid_host(std::string_view host);

/// 1 to 64 characters of [A-Za-z0-9._-]: safe in a log and in a header.
bool is_sane_request_id(std::string_view id);

/// W3C Trace Context: "00-<32 hex>-<16 hex>-<2 hex>", lower case, no id all zero; or a later
/// version, which may have more after that.
bool is_traceparent(std::string_view value);

}  // namespace bookstore::http
