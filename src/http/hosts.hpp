#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/ip_address.hpp"
#include "http/message.hpp"

// By which names a server is asked. A page whose own name was made to resolve to the server's
// address (DNS rebinding) has the server's origin, as far as its browser knows: it is known by its
// name alone. Pure.

namespace bookstore::http {

/// The names that are the server's. Constant: may be used by any number of threads.
///
/// Nobody can make a name of these his own page's: localhost and what ends in .localhost, and
/// addresses, since a page at an address was fetched from there.
class Hosts {
  public:
    /// No name but those.
    Hosts() = default;
    /// `list` has names and addresses by comma, without ports: "shop.example,192.0.2.7"; what they
    /// do not have is refused then, whatever is asked. "*": every name is the server's; empty:
    /// names count for operators' actions alone. `own` are names that are the server's in any case.
    /// Otherwise says what is wrong.
    static std::expected<Hosts, std::string> parse(
        std::string_view list, std::span<const std::string_view> own
    );

    /// Whether the request is for a name of the server's. What a trusted proxy passes on counts
    /// under both names, the one that its client asked for and the one that it asks for itself;
    /// where no list was given, that one is trusted with its names.
    bool know(const Request& request) const;

    /// 421 for what is for another name; nothing where no list was given.
    std::optional<Problem> refusal(const Request& request) const;

  private:
    enum class Names {
        own,     ///< no list
        listed,  ///< and loopback, and the address that a connection was made to
        any
    };

    bool knows(std::string_view host, const Request& request) const;

    Names names_ = Names::own;
    std::vector<std::string> listed_;  ///< in lower case
    std::vector<IpAddress> addresses_;
};

}  // namespace bookstore::http
