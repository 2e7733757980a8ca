#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "http/tls.hpp"
#include "tools/server_place.hpp"

namespace bookstore::tools {

/// --drain-timeout -> BOOKSTORE_DRAIN_TIMEOUT
std::string environment_name(std::string flag);

/// Declares a flag that may also come from the environment, and whose default the help shows.
template <class T>
CLI::Option* add_setting(
    CLI::App& app, const std::string& flag, T& value, const std::string& help
) {
    return app.add_option(flag, value, help)
        ->envname(environment_name(flag))
        ->capture_default_str();
}

constexpr int most_ms = 86'400'000;  ///< a day

/// Where a subcommand works: on a running server, or on a directory that no process holds.
struct Place {
    ServerPlace server{};
    std::string data_dir{};  ///< empty: on the server

    bool is_offline() const { return !data_dir.empty(); }
};

/// --ca-file, --client-cert and --client-key.
void add_client_tls(CLI::App& app, http::ClientTlsFiles& files);
/// Reads them. Throws std::runtime_error that names the flag which is wrong.
http::ClientTls read_client_tls(const http::ClientTlsFiles& files);
/// --url, --token, --token-file, and how it is known to be the one; returns the first.
CLI::Option* add_server(CLI::App& app, ServerPlace& server);
/// The same and --data-dir, of which one may be given.
void add_place(CLI::App& app, Place& place);

}  // namespace bookstore::tools
