#pragma once

#include <string>

#include "http/tls.hpp"

namespace bookstore::tools {

constexpr auto default_url = "http://127.0.0.1:8080";

/// A running server, and the token that it asks for where it has --auth.
struct ServerPlace {
    std::string url = default_url;
    std::string token{};
    std::string token_file{};  ///< what is in it counts, and not the other
    http::ClientTlsFiles tls{};
};

}  // namespace bookstore::tools
