#include "tools/flag_values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "http/peer.hpp"
#include "http/text.hpp"

namespace bookstore::tools {
namespace {

constexpr double most_rate = 1'000'000;  ///< requests a second

}  // namespace

http::ListenAddress read_listen(const std::string& flag, const std::string& text) {
    constexpr std::string_view unix_scheme = "unix:";
    http::ListenAddress listen;
    if (text.starts_with(unix_scheme)) {
        listen.path = text.substr(unix_scheme.size());
        if (listen.path->empty()) {
            throw std::runtime_error(
                flag + ": " + text + " has no path, such as unix:/run/bookstore.sock"
            );
        }
        return listen;
    }
    const auto colon = text.rfind(':');
    unsigned port = 0;
    if (colon == std::string::npos || colon == 0) {
        throw std::runtime_error(
            flag + " wants HOST:PORT or unix:PATH, for example 127.0.0.1:8080; not " + text
        );
    }
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end || port > 65535) {
        throw std::runtime_error(flag + ": " + text + " has no port from 0 to 65535");
    }
    listen.host = text.substr(0, colon);
    if (listen.host.starts_with('[') && listen.host.ends_with(']')) {
        listen.host = listen.host.substr(1, listen.host.size() - 2);
    }
    listen.port = static_cast<std::uint16_t>(port);
    return listen;
}

void read_trusted_proxies(const std::string& list, http::ServerOptions& server) {
    std::vector<std::string_view> addresses;
    for (std::string_view left = list; const auto member = http::next_element(left);) {
        if (*member == "unix") {
            server.trusts_unix_peers = true;
        } else {
            addresses.push_back(*member);
        }
    }
    const auto networks = http::parse_networks(fmt::format("{}", fmt::join(addresses, ",")));
    server.trusted_proxies = value_of("--trusted-proxy", networks);
}

std::optional<http::Url> origin_of(const std::string& flag, const std::string& url) {
    if (url.empty()) {
        return std::nullopt;
    }
    try {
        return http::parse_origin(url);
    } catch (const std::invalid_argument& error) {
        throw std::runtime_error(flag + ": " + error.what());
    }
}

std::int64_t read_amount(
    const std::string& flag, const std::string& text, const std::vector<Unit>& units
) {
    if (text.empty()) {
        return 0;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(end, text.data() + text.size());
    const auto found = std::ranges::find(units, unit, &Unit::name);
    if (error != std::errc() || number < 1 || found == units.end() ||
        number > std::numeric_limits<std::int64_t>::max() / found->factor) {
        throw std::runtime_error(
            flag + ": " + text + " is no whole number from 1 with a unit, such as 30" +
            std::string(units.front().name)
        );
    }
    return number * found->factor;
}

std::optional<http::RateLimit> read_rate_limit(const std::string& text, std::uint32_t burst) {
    constexpr std::int64_t hour_s = 3600;
    constexpr double burst_s = 2;
    if (text.empty()) {
        if (burst > 0) {
            throw std::runtime_error("--rate-burst is a part of --rate-limit: add that, as 50/s");
        }
        return std::nullopt;
    }
    const std::int64_t an_hour =
        read_amount("--rate-limit", text, {{"/s", hour_s}, {"/m", hour_s / 60}, {"/h", 1}});
    http::RateLimit limit{.per_s = static_cast<double>(an_hour) / hour_s};
    if (limit.per_s > most_rate) {
        throw std::runtime_error("--rate-limit: " + text + " is more than anybody can send");
    }
    limit.burst =
        burst > 0 ? burst : static_cast<std::uint32_t>(std::max(1.0, burst_s * limit.per_s));
    return limit;
}

}  // namespace bookstore::tools
