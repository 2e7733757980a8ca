#include "http/ip_address.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <span>

namespace bookstore::http {

std::optional<IpAddress> parse_address(std::string_view text) {
    namespace ip = boost::asio::ip;
    // A zone is of this machine: nothing that could be compared with what others say.
    if (text.find('%') != text.npos) {
        return std::nullopt;
    }
    boost::system::error_code failed;
    const auto address = ip::make_address(text, failed);
    if (failed) {
        return std::nullopt;
    }
    if (address.is_v6()) {
        return address.to_v6().to_bytes();
    }
    return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

bool is_v4(const IpAddress& address) {
    constexpr std::size_t zeros = 10;
    const auto head = std::span(address).first(zeros);
    return std::ranges::all_of(head, [](unsigned byte) { return byte == 0; }) &&
           address[10] == 0xFF && address[11] == 0xFF;
}

bool is_loopback(const IpAddress& address) {
    constexpr IpAddress of_v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return is_v4(address) ? address[12] == 127 : address == of_v6;
}

}  // namespace bookstore::http
