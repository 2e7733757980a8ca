#include "http/forwarded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <ranges>
#include <system_error>
#include <utility>

#include "http/text.hpp"

namespace bookstore::http {

namespace {

constexpr unsigned mapped_bits = 96;  ///< of "::ffff:", before an IPv4 address
constexpr std::size_t max_prefix = 256;

std::optional<unsigned> parse_number(std::string_view text, unsigned most) {
    unsigned number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || end != text.data() + text.size() || number > most) {
        return std::nullopt;
    }
    return number;
}

std::optional<Network> parse_network(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    Network network{*address, 128};
    if (slash == text.npos) {
        return network;
    }
    // Of "::ffff:10.0.0.0/104" the bits count as they stand there.
    const bool dotted = text.substr(0, slash).find(':') == text.npos;
    const auto bits = parse_number(text.substr(slash + 1), dotted ? 32 : 128);
    if (!bits) {
        return std::nullopt;
    }
    network.prefix_bits = *bits + (dotted ? mapped_bits : 0);
    return network;
}

bool contains(const Network& network, const IpAddress& address) {
    // "::/0" is all of IPv6, not of IPv4.
    const bool of_v4 = is_v4(network.address) && network.prefix_bits >= mapped_bits;
    if (of_v4 != is_v4(address)) {
        return false;
    }
    const unsigned bytes = network.prefix_bits / 8;
    const unsigned rest = network.prefix_bits % 8;
    if (!std::equal(address.begin(), address.begin() + bytes, network.address.begin())) {
        return false;
    }
    return rest == 0 || (address[bytes] ^ network.address[bytes]) >> (8 - rest) == 0;
}

/// The address in "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80";
/// nothing in "unknown" and "_hidden".
std::optional<IpAddress> address_of(std::string_view node) {
    if (node.starts_with('[')) {
        const auto close = node.find(']');
        if (close == node.npos) {
            return std::nullopt;
        }
        const auto port = node.substr(close + 1);
        if (!port.empty() && !port.starts_with(':')) {
            return std::nullopt;
        }
        return parse_address(node.substr(1, close - 1));
    }
    if (std::ranges::count(node, ':') == 1) {
        node = node.substr(0, node.find(':'));
    }
    return parse_address(node);
}

/// The client of a hop, who it is as far as that is told; whether its own word counts.
bool take_client(Request& request, std::string_view node, std::span<const Network> trusted) {
    const auto address = address_of(node);
    if (address) {
        request.client = *address;
    }
    return address && contains(trusted, *address);
}

bool names_port(std::string_view host) {
    const auto colon = host.rfind(':');
    return colon != host.npos && host.find(']', colon) == host.npos;
}

/// "/shop" and "/a/b", a trailing slash cut; nothing if it is no path of that kind. It comes before
/// every path in links, so that it must not change what they mean: no "//", "..", "?" or "%".
std::optional<std::string_view> valid_prefix(std::string_view prefix) {
    if (!prefix.starts_with('/') || prefix.size() > max_prefix) {
        return std::nullopt;
    }
    if (prefix.ends_with('/')) {
        prefix.remove_suffix(1);
    }
    const auto is_unreserved = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_' || c == '~';
    };
    std::string_view rest = prefix;
    while (!rest.empty()) {
        rest.remove_prefix(1);
        const auto segment = rest.substr(0, rest.find('/'));
        if (segment.empty() || segment == "." || segment == "..") {
            return std::nullopt;
        }
        if (!std::ranges::all_of(segment, is_unreserved)) {
            return std::nullopt;
        }
        rest.remove_prefix(segment.size());
    }
    return prefix;
}

/// Puts in place what a trusted proxy said; what is empty or invalid changes nothing.
void take_host(Request& request, std::string_view host) {
    // A Host field may have a colon and no port; a link is better without.
    if (is_valid_host(host) && !host.ends_with(':')) {
        request.host = host;
    }
}

void take_scheme(Request& request, std::string_view scheme) {
    for (const std::string_view known : {"http", "https"}) {
        if (equal_ignoring_case(scheme, known)) {
            request.scheme = known;
        }
    }
}

void take_prefix(Request& request, std::string_view prefix) {
    if (const auto valid = valid_prefix(prefix)) {
        request.prefix = *valid;
    }
}

/// The fields of that name, in order.
auto fields(const Request& request, std::string_view name) {
    return request.headers | std::views::filter([name](const Header& header) {
               return equal_ignoring_case(header.name, name);
           });
}

// ---- Forwarded

/// A list element of Forwarded: what one proxy said.
struct Element {
    std::string client;
    std::string host;
    std::string scheme;
};

/// A token or a quoted string, without its quotes; nothing if it is neither.
std::optional<std::string> parse_value(std::string_view text) {
    if (!text.starts_with('"')) {
        // More than a token may hold: many proxies do not quote ports and brackets.
        if (text.empty() || text.find_first_of("\" \t") != text.npos) {
            return std::nullopt;
        }
        return std::string(text);
    }
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            if (i + 1 != text.size()) {
                return std::nullopt;
            }
            return value;
        }
        if (text[i] == '\\') {
            ++i;
        }
        if (i < text.size()) {
            value += text[i];
        }
    }
    return std::nullopt;
}

/// Nothing if it is malformed: an open quote, say, by which a client swallows what proxies append.
std::optional<Element> parse_element(std::string_view text) {
    Element element;
    bool has_client = false;
    bool has_host = false;
    bool has_scheme = false;
    while (const auto pair = next_element(text, ';')) {
        if (pair->empty()) {
            continue;
        }
        const auto equals = pair->find('=');
        if (equals == pair->npos || equals == 0) {
            return std::nullopt;
        }
        auto value = parse_value(pair->substr(equals + 1));
        if (!value) {
            return std::nullopt;
        }
        const auto take = [&](std::string_view name, std::string& place, bool& has_it) {
            if (!equal_ignoring_case(pair->substr(0, equals), name)) {
                return true;
            }
            place = std::move(*value);
            return !std::exchange(has_it, true);
        };
        if (!take("for", element.client, has_client) || !take("host", element.host, has_host) ||
            !take("proto", element.scheme, has_scheme)) {
            return std::nullopt;
        }
    }
    return element;
}

/// The elements in order. Each field by itself: an open quote in one does not reach the next.
std::vector<std::string_view> forwarded_elements(const Request& request) {
    std::vector<std::string_view> elements;
    for (const Header& field : fields(request, "forwarded")) {
        std::string_view rest = field.value;
        while (const auto element = next_element(rest)) {
            elements.push_back(*element);
        }
    }
    return elements;
}

void follow_forwarded(
    Request& request, std::span<const std::string_view> elements, std::span<const Network> trusted
) {
    for (const std::string_view text : elements | std::views::reverse) {
        if (text.empty()) {
            continue;
        }
        const auto element = parse_element(text);
        if (!element) {
            return;
        }
        take_host(request, element->host);
        take_scheme(request, element->scheme);
        if (!take_client(request, element->client, trusted)) {
            return;
        }
    }
}

// ---- X-Forwarded-*

/// The list's members, the nearest proxy's first. A quote means nothing in these.
std::vector<std::string_view> nearest_first(const Request& request, std::string_view name) {
    std::vector<std::string_view> members;
    for (const Header& field : fields(request, name)) {
        for (const auto member : std::views::split(std::string_view(field.value), ',')) {
            members.push_back(trimmed(std::string_view(member)));
        }
    }
    std::ranges::reverse(members);
    return members;
}

void take_port(Request& request, std::string_view text) {
    const unsigned port = parse_number(text, 65535).value_or(0);
    const unsigned usual = request.scheme == "https" ? 443 : 80;
    if (port == 0 || port == usual || names_port(request.host)) {
        return;
    }
    request.host += fmt::format(":{}", port);
}

/// Origins and links are written without the port that their scheme means anyway: proxies name it,
/// browsers do not.
void drop_usual_port(Request& request) {
    const std::string_view usual = request.scheme == "https" ? ":443" : ":80";
    if (names_port(request.host) && request.host.ends_with(usual)) {
        request.host.resize(request.host.size() - usual.size());
    }
}

/// The lists are parallel; a proxy may also have overwritten one that others only append to.
void follow_x_forwarded(Request& request, std::span<const Network> trusted) {
    const auto clients = nearest_first(request, "x-forwarded-for");
    const auto hosts = nearest_first(request, "x-forwarded-host");
    const auto schemes = nearest_first(request, "x-forwarded-proto");
    const auto ports = nearest_first(request, "x-forwarded-port");
    const auto prefixes = nearest_first(request, "x-forwarded-prefix");
    const auto at = [](const auto& list, std::size_t hop) {
        return hop < list.size() ? list[hop] : std::string_view();
    };
    std::string_view port;
    for (std::size_t hop = 0;; ++hop) {
        take_host(request, at(hosts, hop));
        take_scheme(request, at(schemes, hop));
        take_prefix(request, at(prefixes, hop));
        if (!at(ports, hop).empty()) {
            port = ports[hop];
        }
        if (!take_client(request, at(clients, hop), trusted)) {
            break;
        }
    }
    take_port(request, port);
}

}  // namespace

std::expected<std::vector<Network>, std::string> parse_networks(std::string_view list) {
    std::vector<Network> networks;
    if (trimmed(list).empty()) {
        return networks;
    }
    for (const auto member : std::views::split(list, ',')) {
        const auto text = trimmed(std::string_view(member));
        const auto network = parse_network(text);
        if (!network) {
            return std::unexpected(fmt::format(
                "\"{}\" is neither an IP address nor a network such as 10.0.0.0/8", text
            ));
        }
        networks.push_back(*network);
    }
    return networks;
}

bool contains(std::span<const Network> networks, const IpAddress& address) {
    return std::ranges::any_of(networks, [&](const Network& network) {
        return contains(network, address);
    });
}

void take_forwarded(Request& request, std::span<const Network> trusted, ProxyHeaders believed) {
    std::string received = request.host;
    if (believed == ProxyHeaders::forwarded) {
        follow_forwarded(request, forwarded_elements(request), trusted);
    } else {
        follow_x_forwarded(request, trusted);
    }
    drop_usual_port(request);
    if (request.host != received) {
        request.replaced_host = std::move(received);
    }
}

}  // namespace bookstore::http
