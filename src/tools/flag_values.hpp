#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "http/rate_limiter.hpp"
#include "http/server.hpp"

// What the texts of flags say. A text that says nothing is a std::runtime_error with the flag's
// name.

namespace bookstore::tools {

/// "HOST:PORT", an IPv6 host in brackets; "unix:PATH".
http::ListenAddress read_listen(const std::string& flag, const std::string& text);

/// --trusted-proxy: addresses and networks by comma, and "unix" for whoever connects to a unix
/// socket.
void read_trusted_proxies(const std::string& list, http::ServerOptions& server);

/// "http://HOST:PORT"; nothing of an empty text.
std::optional<http::Url> origin_of(const std::string& flag, const std::string& url);

struct Unit {
    std::string_view name;
    std::int64_t factor;
};
/// A whole number from 1 with one of these units; empty is 0.
std::int64_t read_amount(
    const std::string& flag, const std::string& text, const std::vector<Unit>& units
);

/// --rate-limit: a whole number from 1 of requests "/s", "/m" or "/h"; nothing of an empty text.
/// `burst` is --rate-burst; 0: those of two seconds.
std::optional<http::RateLimit> read_rate_limit(const std::string& text, std::uint32_t burst);

/// What a flag was read as, or its complaint.
template <class T>
T value_of(const std::string& flag, std::expected<T, std::string> read) {
    if (!read) {
        throw std::runtime_error(flag + ": " + read.error());
    }
    return std::move(*read);
}

}  // namespace bookstore::tools
