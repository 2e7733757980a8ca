#include "tools/flag_values.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "http/peer.hpp"

namespace bookstore::tools {

void read_listen(const std::string& text, http::ServerOptions& server) {
    const auto colon = text.rfind(':');
    unsigned port = 0;
    if (colon == std::string::npos || colon == 0) {
        throw std::runtime_error("--listen wants HOST:PORT, for example 127.0.0.1:8080");
    }
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end || port > 65535) {
        throw std::runtime_error("--listen: " + text + " has no port from 0 to 65535");
    }
    server.host = text.substr(0, colon);
    if (server.host.starts_with('[') && server.host.ends_with(']')) {
        server.host = server.host.substr(1, server.host.size() - 2);
    }
    server.port = static_cast<std::uint16_t>(port);
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

}  // namespace bookstore::tools
