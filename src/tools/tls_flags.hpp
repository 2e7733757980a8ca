#pragma once

#include <string>

#include "http/server.hpp"

namespace CLI {
class App;
}

namespace bookstore::tools {

/// --tls-cert, --tls-key and --tls-client-ca, as they were given.
struct TlsFlags {
    std::string certificate{};
    std::string key{};
    std::string client_ca{};
};

void add_tls_flags(CLI::App& app, TlsFlags& flags);

/// Behind those that say where the server listens. Throws std::runtime_error that names the flag
/// which is wrong.
void read_tls_flags(const TlsFlags& flags, http::ServerOptions& server);

}  // namespace bookstore::tools
