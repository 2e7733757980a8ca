#include "http/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace bookstore::http {

namespace {

/// Those of TLS 1.2 that keep what was said a secret when the key is lost, and say when it was
/// changed on its way. Of TLS 1.3 there are no others.
constexpr auto ciphers_of_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
/// Length, text.
constexpr std::string_view protocols{"\x08http/1.1"};
/// Who resumes a session says it to a context of the same kind.
constexpr std::string_view session_id_context = "bookstore";

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(fmt::format("{}: {}", what, take_openssl_error()));
}

/// A key with a passphrase is refused, instead of asking for it at a terminal.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

TlsContext make_context(const SSL_METHOD* method) {
    ERR_clear_error();
    TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
    if (!context) {
        fail("TLS cannot be set up");
    }
    SSL_CTX* raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    // One read of the socket takes a record and what is behind it. Buffers are held while there is
    // something in them. What was not taken at once may lie elsewhere when it is written again.
    SSL_CTX_set_read_ahead(raw, 1);
    SSL_CTX_set_mode(
        raw,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    );
    // A record that is none of ours (a new key, a ticket) ends the call: TlsSession counts them.
    SSL_CTX_clear_mode(raw, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_default_passwd_cb(raw, no_passphrase);
    if (SSL_CTX_set_cipher_list(raw, ciphers_of_1_2) != 1) {
        fail("TLS has none of its ciphers");
    }
    return context;
}

void use_identity(SSL_CTX* context, const std::string& certificate, const std::string& key) {
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
        fail("the certificate " + certificate + " cannot be read");
    }
    const bool read = SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1;
    const bool other = !read && ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509;
    if (!read && !other) {
        fail("the key " + key + " cannot be read");
    }
    // A key of another kind than the certificate's is taken, and fits nothing.
    if (other || SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        throw std::runtime_error(
            fmt::format("the key {} is not that of the certificate {}", key, certificate)
        );
    }
}

void ask_clients(SSL_CTX* context, const std::string& client_ca) {
    auto* names = SSL_load_client_CA_file(client_ca.c_str());
    if (names == nullptr ||
        SSL_CTX_load_verify_locations(context, client_ca.c_str(), nullptr) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        fail("the authorities of clients in " + client_ca + " cannot be read");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

/// Who speaks only something else is told so; who says nothing speaks HTTP/1.1.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered, unsigned offered_bytes, void*) {
    const auto* ours =
        static_cast<const unsigned char*>(static_cast<const void*>(protocols.data()));
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(
        &found, length, ours, static_cast<unsigned>(protocols.size()), offered, offered_bytes
    );
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::int64_t not_after(const X509* certificate) {
    std::tm time{};
    if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
        return std::numeric_limits<std::int64_t>::max();
    }
    return timegm(&time);
}

}  // namespace

std::string take_openssl_error() {
    const auto error = ERR_get_error();
    ERR_clear_error();
    if (error == 0) {
        return "no reason is known";
    }
    if (ERR_SYSTEM_ERROR(error)) {
        return std::string(std::generic_category().message(static_cast<int>(ERR_GET_REASON(error)))
        );
    }
    const char* reason = ERR_reason_error_string(error);
    return reason != nullptr ? reason : fmt::format("error {:x} of OpenSSL", error);
}

TlsContext make_server_context(const TlsFiles& files, bool asks_clients) {
    TlsContext context = make_context(TLS_server_method());
    SSL_CTX* raw = context.get();
    SSL_CTX_set_options(
        raw,
        SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF
    );
    use_identity(raw, files.certificate, files.key);
    if (asks_clients) {
        ask_clients(raw, files.client_ca);
    }
    // Tickets are kept by who has them: nothing is remembered here.
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 1);
    const auto* id = static_cast<const void*>(session_id_context.data());
    SSL_CTX_set_session_id_context(
        raw, static_cast<const unsigned char*>(id), static_cast<unsigned>(session_id_context.size())
    );
    SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
    return context;
}

std::int64_t expiry_of(const TlsContext& server) {
    std::int64_t first = not_after(SSL_CTX_get0_certificate(server.get()));
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(server.get(), &chain);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        first = std::min(first, not_after(sk_X509_value(chain, i)));
    }
    return first;
}

TlsContext make_client_context(const ClientTlsFiles& files) {
    TlsContext context = make_context(TLS_client_method());
    SSL_CTX* raw = context.get();
    if (files.ca.empty()) {
        if (SSL_CTX_set_default_verify_paths(raw) != 1) {
            fail("the system's certificate authorities cannot be read");
        }
    } else if (SSL_CTX_load_verify_locations(raw, files.ca.c_str(), nullptr) != 1) {
        fail("the certificate authorities in " + files.ca + " cannot be read");
    }
    if (!files.certificate.empty()) {
        use_identity(raw, files.certificate, files.key);
    }
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
    const auto* ours =
        static_cast<const unsigned char*>(static_cast<const void*>(protocols.data()));
    SSL_CTX_set_alpn_protos(raw, ours, static_cast<unsigned>(protocols.size()));
    return context;
}

struct ClientTls::State {
    explicit State(ClientTlsFiles from)
        : files(std::move(from)),
          trusted_by(files.ca.empty() ? "the system's authorities" : files.ca) {}

    const ClientTlsFiles files;
    const std::string trusted_by;
    std::once_flag once;
    TlsContext context;
};

ClientTls::ClientTls() : state_(std::make_shared<State>(ClientTlsFiles())) {}

ClientTls::ClientTls(const ClientTlsFiles& files) : state_(std::make_shared<State>(files)) {
    const bool names_files = !files.ca.empty() || !files.certificate.empty();
    if (names_files) {
        context();
    }
}

TlsContext ClientTls::context() const {
    std::call_once(state_->once, [this] { state_->context = make_client_context(state_->files); });
    return state_->context;
}

const std::string& ClientTls::trusted_by() const {
    return state_->trusted_by;
}

}  // namespace bookstore::http
