#pragma once

#include <CLI/CLI.hpp>
#include <string>

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

/// Where a subcommand works: on a running server, or on a directory that no process holds.
struct Place {
    std::string url = default_url;
    std::string data_dir{};  ///< empty: on the server

    bool is_offline() const { return !data_dir.empty(); }
};

/// --url alone.
CLI::Option* add_url(CLI::App& app, std::string& url);
/// --url and --data-dir, of which one may be given.
void add_place(CLI::App& app, Place& place);

}  // namespace bookstore::tools
