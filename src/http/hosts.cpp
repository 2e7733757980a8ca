#include "http/hosts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "http/text.hpp"

namespace bookstore::http {

namespace {

/// "LocalHost.:8080" -> "localhost"; of "[::1]:8080" what is in the brackets.
std::string name_of(std::string_view host) {
    if (host.starts_with('[')) {
        host = host.substr(1, host.find(']') - 1);
    } else {
        host = host.substr(0, host.find(':'));
    }
    if (host.ends_with('.')) {
        host.remove_suffix(1);
    }
    std::string name(host);
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return name;
}

/// As browsers and tools write addresses, "127.1" too: no name consists of digits.
bool is_numeric(std::string_view name) {
    return !name.empty() &&
           std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

std::expected<Hosts, std::string> Hosts::parse(
    std::string_view list, std::span<const std::string_view> own
) {
    Hosts hosts;
    hosts.listed_.assign(own.begin(), own.end());
    if (trimmed(list).empty()) {
        return hosts;
    }
    if (trimmed(list) == "*") {
        hosts.names_ = Names::any;
        return hosts;
    }
    hosts.names_ = Names::listed;
    for (const auto member : std::views::split(list, ',')) {
        const auto host = trimmed(std::string_view(member));
        if (host == "*") {
            return std::unexpected("* is every name, so it stands alone");
        }
        if (const auto address = parse_address(host)) {
            hosts.addresses_.push_back(*address);
            continue;
        }
        const std::string name = name_of(host);
        if (const auto address = parse_address(name); address && host.ends_with(']')) {
            hosts.addresses_.push_back(*address);
            continue;
        }
        if (!is_valid_host(host) || host.find(':') != host.npos || is_numeric(name)) {
            return std::unexpected(fmt::format(
                "\"{}\" is neither a host name such as shop.example nor an address, without scheme "
                "and port",
                host
            ));
        }
        hosts.listed_.push_back(name);
    }
    return hosts;
}

bool Hosts::knows(std::string_view host, const Request& request) const {
    const std::string name = name_of(host);
    if (name == "localhost" || name.ends_with(".localhost")) {
        return true;
    }
    const bool numeric = host.starts_with('[') || is_numeric(name);
    if (!numeric) {
        return std::ranges::find(listed_, name) != listed_.end();
    }
    if (names_ != Names::listed) {
        return true;
    }
    const auto address = parse_address(name);
    return address && (is_loopback(*address) || request.reached_at == *address ||
                       std::ranges::find(addresses_, *address) != addresses_.end());
}

bool Hosts::know(const Request& request) const {
    if (names_ == Names::any || (names_ == Names::own && request.from_trusted_proxy)) {
        return true;
    }
    return knows(request.host, request) && knows(request.received_host(), request);
}

std::optional<Problem> Hosts::refusal(const Request& request) const {
    if (names_ != Names::listed || know(request)) {
        return std::nullopt;
    }
    const std::string_view host =
        knows(request.host, request) ? request.received_host() : std::string_view(request.host);
    return Problem{
        421,
        fmt::format(
            "This server is not asked for at {}: use one of its own names, or name this one by "
            "--allowed-hosts.",
            host
        ),
        {},
        {}
    };
}

}  // namespace bookstore::http
