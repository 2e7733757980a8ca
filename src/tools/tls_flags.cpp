#include "tools/tls_flags.hpp"

#include <stdexcept>

#include "tools/options.hpp"

namespace bookstore::tools {

void add_tls_flags(CLI::App& app, TlsFlags& flags) {
    add_setting(
        app,
        "--tls-cert",
        flags.certificate,
        "File in PEM of the certificate, and of those that vouch for it, with which the ports "
        "speak "
        "https; empty: they speak http. Read again when it changes"
    );
    add_setting(app, "--tls-key", flags.key, "File in PEM of its key, without a passphrase");
    add_setting(
        app,
        "--tls-client-ca",
        flags.client_ca,
        "File in PEM of the authorities without whose certificate nobody is served at "
        "--operator-listen; empty: nobody is asked for one"
    );
}

void read_tls_flags(const TlsFlags& flags, http::ServerOptions& server) {
    if (flags.certificate.empty() != flags.key.empty()) {
        throw std::runtime_error("--tls-cert and --tls-key go together: one of them is missing");
    }
    if (!flags.client_ca.empty() &&
        (flags.certificate.empty() || !server.operators || server.operators->is_unix())) {
        throw std::runtime_error(
            "--tls-client-ca asks those for a certificate who come to --operator-listen HOST:PORT "
            "by "
            "TLS: it wants that, --tls-cert and --tls-key beside it"
        );
    }
    if (flags.certificate.empty()) {
        return;
    }
    if (server.is_unix() && (!server.operators || server.operators->is_unix())) {
        throw std::runtime_error(
            "--tls-cert is for a port, and the server listens at unix sockets alone"
        );
    }
    server.tls = {flags.certificate, flags.key, flags.client_ca};
}

}  // namespace bookstore::tools
