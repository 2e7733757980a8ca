#include "http/tls_session.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "http/ip_address.hpp"

namespace bookstore::http {

namespace {

/// Records without data in a row (new keys, tickets, empty ones): nobody who means well sends more.
constexpr unsigned most_idle_records = 64;

std::string message_of(int error) {
    return std::generic_category().message(error);
}

/// The names and addresses that it is for: "shop.example, 127.0.0.1".
std::string subjects_of(X509* certificate) {
    std::vector<std::string> subjects;
    auto* names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)
    );
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING* text = name->type == GEN_DNS     ? name->d.dNSName
                                  : name->type == GEN_IPADD ? name->d.iPAddress
                                                            : nullptr;
        if (text == nullptr) {
            continue;
        }
        const unsigned char* bytes = ASN1_STRING_get0_data(text);
        const auto count = static_cast<std::size_t>(ASN1_STRING_length(text));
        if (name->type == GEN_DNS) {
            subjects.emplace_back(bytes, bytes + count);
        } else {
            std::array<char, INET6_ADDRSTRLEN> address{};
            const int family = count == 4 ? AF_INET : AF_INET6;
            if (count == 4 || count == 16) {
                ::inet_ntop(family, bytes, address.data(), address.size());
            }
            subjects.emplace_back(address.data());
        }
    }
    GENERAL_NAMES_free(names);
    return subjects.empty() ? "no name" : fmt::format("{}", fmt::join(subjects, ", "));
}

std::string day_of(const ASN1_TIME* time) {
    std::tm parts{};
    ASN1_TIME_to_tm(time, &parts);
    return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

}  // namespace

/// Notes why the server's certificate is refused: when OpenSSL has failed, it is gone.
struct TlsSession::Verdict {
    static int note(int well, X509_STORE_CTX* found) {
        if (well != 1) {
            const int index = SSL_get_ex_data_X509_STORE_CTX_idx();
            auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(found, index));
            auto& session = *static_cast<TlsSession*>(SSL_get_ex_data(ssl, 0));
            session.refusal_ = reason(found, session);
        }
        return well;
    }

    static std::string reason(X509_STORE_CTX* found, const TlsSession& session) {
        const X509* at = X509_STORE_CTX_get_current_cert(found);
        const bool own = X509_STORE_CTX_get_error_depth(found) == 0;
        const std::string_view which = own ? "its certificate" : "one that vouches for it";
        switch (const int error = X509_STORE_CTX_get_error(found)) {
            case X509_V_ERR_HOSTNAME_MISMATCH:
            case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return fmt::format(
                    "its certificate is not for {}, but for {}",
                    session.host_,
                    subjects_of(X509_STORE_CTX_get0_cert(found))
                );
            case X509_V_ERR_CERT_HAS_EXPIRED:
                return fmt::format("{} expired on {}", which, day_of(X509_get0_notAfter(at)));
            case X509_V_ERR_CERT_NOT_YET_VALID:
                return fmt::format(
                    "{} is valid from {} on", which, day_of(X509_get0_notBefore(at))
                );
            default:
                return fmt::format(
                    "its certificate is not trusted by {} ({})",
                    session.trusted_by_,
                    X509_verify_cert_error_string(error)
                );
        }
    }
};

/// OpenSSL's way to the socket: none of its own, which would end the process by SIGPIPE where a
/// program has not said that it wants none.
struct TlsSession::WireMethod {
    static Wire& wire_of(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

    static int write(BIO* bio, const char* data, int size) {
        Wire& wire = wire_of(bio);
        BIO_clear_retry_flags(bio);
        const auto count =
            ::send(wire.socket, data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            BIO_set_retry_write(bio);
        } else if (count < 0) {
            wire.error = errno;
        }
        return static_cast<int>(count);
    }

    static int read(BIO* bio, char* data, int size) {
        Wire& wire = wire_of(bio);
        BIO_clear_retry_flags(bio);
        const auto count = ::recv(wire.socket, data, static_cast<std::size_t>(size), MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            wire.would_block = true;
            BIO_set_retry_read(bio);
        } else if (count < 0) {
            wire.error = errno;
        }
        wire.ended = count == 0;
        return static_cast<int>(count);
    }

    static long control(BIO* bio, int command, long, void*) {
        switch (command) {
            case BIO_CTRL_FLUSH:
                return 1;
            case BIO_CTRL_EOF:
                return wire_of(bio).ended ? 1 : 0;
            default:
                return 0;
        }
    }

    static int create(BIO* bio) {
        BIO_set_init(bio, 1);
        return 1;
    }

    static const BIO_METHOD* get() {
        static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method(
            [] {
                BIO_METHOD* made =
                    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a client's socket");
                BIO_meth_set_write(made, write);
                BIO_meth_set_read(made, read);
                BIO_meth_set_ctrl(made, control);
                BIO_meth_set_create(made, create);
                return made;
            }(),
            BIO_meth_free
        );
        return method.get();
    }
};

TlsSession::TlsSession(const TlsContext& context, int socket) : wire_{.socket = socket} {
    attach(context);
    SSL_set_accept_state(ssl_);
}

TlsSession::TlsSession(const ClientTls& tls, int socket, const std::string& host)
    : wire_{.socket = socket}, host_(host), trusted_by_(tls.trusted_by()) {
    attach(tls.context());
    SSL_set_connect_state(ssl_);
    SSL_set_ex_data(ssl_, 0, this);
    SSL_set_verify(ssl_, SSL_VERIFY_PEER, Verdict::note);
    if (parse_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str());
        return;
    }
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl_, host.c_str());
    // What SSL_set_tlsext_host_name() is, without its cast.
    SSL_ctrl(
        ssl_,
        SSL_CTRL_SET_TLSEXT_HOSTNAME,
        TLSEXT_NAMETYPE_host_name,
        const_cast<char*>(host.c_str())
    );
}

TlsSession::~TlsSession() {
    SSL_free(ssl_);
}

void TlsSession::attach(const TlsContext& context) {
    ssl_ = SSL_new(context.get());
    BIO* bio = BIO_new(WireMethod::get());
    if (ssl_ == nullptr || bio == nullptr) {
        SSL_free(ssl_);
        BIO_free(bio);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, &wire_);
    SSL_set_bio(ssl_, bio, bio);
}

TlsSession::Step TlsSession::shake_hands() {
    ERR_clear_error();
    wire_.would_block = false;
    return conclude(SSL_do_handshake(ssl_));
}

bool TlsSession::is_resumed() const {
    return SSL_session_reused(ssl_) == 1;
}

TlsSession::Step TlsSession::read(std::span<char> room) {
    ERR_clear_error();
    for (unsigned i = 0; i < most_idle_records; ++i) {
        wire_.would_block = false;
        std::size_t count = 0;
        const int result = SSL_read_ex(ssl_, room.data(), room.size(), &count);
        if (result == 1) {
            return {State::done, count};
        }
        const Step step = conclude(result);
        // A record that had nothing for us, and behind it there may be another one.
        const bool again = step.state == State::wants_read && !wire_.would_block;
        if (!again) {
            return step;
        }
    }
    problem_ = "it sends records without an end that have nothing in them";
    return {State::failed};
}

TlsSession::Step TlsSession::write(std::string_view text) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_, text.data(), text.size(), &count);
    return result == 1 ? Step{State::done, count} : conclude(result);
}

bool TlsSession::has_pending() const {
    return SSL_has_pending(ssl_) == 1;
}

void TlsSession::end_writing() {
    const bool can = problem_.empty() && SSL_is_init_finished(ssl_) == 1;
    if (can && (SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) == 0) {
        ERR_clear_error();
        SSL_shutdown(ssl_);
        ERR_clear_error();
    }
}

TlsSession::Step TlsSession::conclude(int result) {
    if (result == 1) {
        return {State::done};
    }
    switch (const int error = SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:
            return {State::wants_read};
        case SSL_ERROR_WANT_WRITE:
            return {State::wants_write};
        case SSL_ERROR_ZERO_RETURN:
            return {State::ended};
        default:
            problem_ = explain(error);
            ERR_clear_error();
            return {State::failed};
    }
}

/// Why it failed, for whoever has to mend it.
std::string TlsSession::explain(int error) const {
    const auto code = ERR_peek_error();
    if (error == SSL_ERROR_SYSCALL || code == 0) {
        return wire_.error != 0 ? message_of(wire_.error) : "the connection was cut off";
    }
    if (!refusal_.empty()) {
        return refusal_;
    }
    switch (ERR_GET_REASON(code)) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
            return host_.empty() ? "it does not speak TLS"
                                 : "it does not speak TLS: is it http://?";
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            return "the connection was cut off, without TLS' own end";
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return "it wants a client's certificate (--client-cert)";
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return "it does not trust the client's certificate (--client-cert)";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return "it says that the client's certificate (--client-cert) has expired";
        default:
            break;
    }
    const char* text = ERR_reason_error_string(code);
    return text != nullptr ? text : fmt::format("error {:x} of OpenSSL", code);
}

}  // namespace bookstore::http
