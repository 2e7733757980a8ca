#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "http/tls.hpp"

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

constexpr auto default_url = "http://127.0.0.1:8080";

/// Which running server a subcommand asks, and how.
struct ServerAddress {
    std::string url = default_url;
    http::ClientTlsFiles tls{};
};

/// Where a subcommand works: on a running server, or on a directory that no process holds.
struct Place {
    ServerAddress server{};
    std::string data_dir{};  ///< empty: on the server

    bool is_offline() const { return !data_dir.empty(); }
};

/// --ca-file, --client-cert and --client-key.
void add_client_tls(CLI::App& app, http::ClientTlsFiles& files);
/// Reads them. Throws std::runtime_error that names the flag which is wrong.
http::ClientTls read_client_tls(const http::ClientTlsFiles& files);
/// --url, and how the server is asked. Returns --url.
CLI::Option* add_server(CLI::App& app, ServerAddress& server);
/// The same and --data-dir, of which one may be given.
void add_place(CLI::App& app, Place& place);

}  // namespace bookstore::tools
