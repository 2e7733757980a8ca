#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bookstore::http {

/// An IP address; IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d), however it came.
using IpAddress = std::array<std::uint8_t, 16>;

/// "192.0.2.1", "2001:db8::1"; nothing of what is none, or has a zone.
std::optional<IpAddress> parse_address(std::string_view text);

/// Whether it is one of IPv4.
bool is_v4(const IpAddress& address);

/// 127.0.0.0/8, ::1
bool is_loopback(const IpAddress& address);

}  // namespace bookstore::http
