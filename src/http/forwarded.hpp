#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/ip_address.hpp"
#include "http/message.hpp"

// What proxies in front of the server say of the request that the client sent them: Forwarded
// (RFC 7239), or X-Forwarded-*. Pure.

namespace bookstore::http {

/// A block of addresses: those that agree with `address` in the first `prefix_bits`.
struct Network {
    IpAddress address{};
    unsigned prefix_bits = 128;
};

/// "10.0.0.0/8,2001:db8::/32,127.0.0.1": networks and addresses by comma; none in an empty text.
/// Otherwise says which of them is none. Bits beyond a network's prefix do not count.
std::expected<std::vector<Network>, std::string> parse_networks(std::string_view list);

/// Whether one of the networks has that address.
bool contains(std::span<const Network> networks, const IpAddress& address);

/// The two families of headers. A proxy writes one and passes the other on as its client sent it:
/// so one is believed, and the other says nothing.
enum class ProxyHeaders { forwarded, x_forwarded };

/// Makes scheme, host and prefix of the request those that the client asked for, and `client` that
/// client, as far as the headers of that family name valid ones. Only for a request whose peer is a
/// trusted proxy.
///
/// The last element of a list is the peer's own word on whom it got the request from; when that one
/// is trusted too, the element before it is that one's word, and counts more, and so on. What
/// stands to the left of the first client that is not trusted is the client's own invention.
void take_forwarded(Request& request, std::span<const Network> trusted, ProxyHeaders believed);

}  // namespace bookstore::http
