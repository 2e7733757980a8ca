#pragma once

#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace bookstore::test {

/// Whether what a program tests is to be done over TLS: the environment says so.
inline bool is_secure() {
    return std::getenv("BOOKSTORE_TEST_TLS") != nullptr;
}

using TlsClientContext = std::shared_ptr<SSL_CTX>;

/// A client's, without any code of ours; it believes every certificate.
inline TlsClientContext tls_client_context() {
    ::signal(SIGPIPE, SIG_IGN);
    TlsClientContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    return context;
}

/// TLS over a connected socket, which it does not own. Every call waits, but not for ever.
class TlsEnd {
  public:
    /// Throws what the handshake says when it fails.
    TlsEnd(const TlsClientContext& context, int fd, int patience_ms)
        : ssl_(SSL_new(context.get()), SSL_free), fd_(fd), patience_ms_(patience_ms) {
        SSL_set_fd(ssl_.get(), fd);
        SSL_set_connect_state(ssl_.get());
        int result = 0;
        while ((result = SSL_do_handshake(ssl_.get())) != 1) {
            if (!wait(result, patience_ms_)) {
                throw std::runtime_error("no handshake");
            }
        }
    }

    /// As ::send().
    long send(std::string_view text) {
        for (;;) {
            std::size_t count = 0;
            const int result = SSL_write_ex(ssl_.get(), text.data(), text.size(), &count);
            if (result == 1) {
                return static_cast<long>(count);
            }
            if (!wait(result, -1)) {
                return -1;
            }
        }
    }

    /// As ::recv(); nothing in time throws.
    long receive(char* data, std::size_t size) {
        for (;;) {
            std::size_t count = 0;
            const int result = SSL_read_ex(ssl_.get(), data, size, &count);
            if (result == 1) {
                return static_cast<long>(count);
            }
            const int error = SSL_get_error(ssl_.get(), result);
            if (error == SSL_ERROR_ZERO_RETURN) {
                return 0;
            }
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
                return -1;
            }
            if (!wait(result, patience_ms_)) {
                throw std::runtime_error("nothing came in time");
            }
        }
    }

    /// Whether something is there to be received, or the end, within that time.
    bool hears_something(int within_ms) {
        char first = 0;
        for (;;) {
            const int result = SSL_peek(ssl_.get(), &first, 1);
            const int error = SSL_get_error(ssl_.get(), result);
            if (result > 0 || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)) {
                return true;
            }
            if (!wait(result, within_ms)) {
                return false;
            }
        }
    }

    void end_writing() { SSL_shutdown(ssl_.get()); }
    SSL* ssl() { return ssl_.get(); }

  private:
    /// For the socket, where that is what is missing.
    bool wait(int result, int at_most_ms) {
        const int error = SSL_get_error(ssl_.get(), result);
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            return false;
        }
        const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        pollfd socket{fd_, events, 0};
        return ::poll(&socket, 1, at_most_ms) > 0;
    }

    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    int fd_;
    int patience_ms_;
};

}  // namespace bookstore::test
