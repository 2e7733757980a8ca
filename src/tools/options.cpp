#include "tools/options.hpp"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace bookstore::tools {

std::string environment_name(std::string flag) {
    flag.erase(0, 2);
    std::ranges::transform(flag, flag.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return "BOOKSTORE_" + flag;
}

void add_client_tls(CLI::App& app, http::ClientTlsFiles& files) {
    add_setting(
        app,
        "--ca-file",
        files.ca,
        "File in PEM of the authorities that vouch for https servers which are asked; empty: the "
        "system's"
    );
    add_setting(
        app,
        "--client-cert",
        files.certificate,
        "File in PEM of the certificate for https servers that ask for one"
    );
    add_setting(app, "--client-key", files.key, "File in PEM of its key, without a passphrase");
}

http::ClientTls read_client_tls(const http::ClientTlsFiles& files) {
    if (files.certificate.empty() != files.key.empty()) {
        throw std::runtime_error(
            "--client-cert and --client-key go together: one of them is missing"
        );
    }
    return http::ClientTls(files);
}

CLI::Option* add_server(CLI::App& app, ServerPlace& server) {
    // Not as a setting: its help would show what the environment has.
    app.add_option("--token", server.token, "For a server with --auth; others see it in ps")
        ->envname(environment_name("--token"));
    add_setting(app, "--token-file", server.token_file, "File that has it, which they do not");
    CLI::Option* const at = add_setting(
        app,
        "--url",
        server.url,
        "Of the running server: http://HOST:PORT, https://HOST:PORT, or unix:PATH"
    );
    add_client_tls(app, server.tls);
    return at;
}

void add_place(CLI::App& app, Place& place) {
    CLI::Option* at = add_server(app, place.server);
    CLI::Option* in = app.add_option(
        "--data-dir", place.data_dir, "Work on this directory, which no process may hold, instead"
    );
    at->excludes(in);
}

}  // namespace bookstore::tools
