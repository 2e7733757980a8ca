#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "http/tls_context.hpp"

// Internal to http. OpenSSL's headers stay in the sources.

struct ssl_st;

namespace bookstore::http {

/// One TLS connection over a socket that does not block, of a server or a client. It never waits:
/// who calls it waits for the socket, and calls again. One thread at a time.
class TlsSession {
  public:
    enum class State {
        done,
        wants_read,   ///< again when the socket can be read
        wants_write,  ///< again when it can be written
        ended,        ///< the other end writes nothing more, and said so
        failed        ///< problem() says why; the connection is of no more use
    };
    struct Step {
        State state;
        std::size_t bytes = 0;  ///< that were read, or written
    };

    /// The server's end. The socket stays the caller's.
    TlsSession(const TlsContext& context, int socket);
    /// A client's end: of a server that has to be `host`, a name or an address.
    TlsSession(const ClientTls& tls, int socket, const std::string& host);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Begins, or goes on. It computes for up to a few ms.
    Step shake_hands();
    /// Whether it is that of an earlier connection, which costs less.
    bool is_resumed() const;
    Step read(std::span<char> room);
    /// Writes some of it, at least a record. What was not taken has to be given again as it is.
    Step write(std::string_view text);
    /// Whether something was received that read() has not given yet.
    bool has_pending() const;
    /// Tells the other end, if it can be told at once, that nothing more is written.
    void end_writing();
    /// The socket is about to be closed: there is none from now on.
    void forget_socket() { wire_.socket = -1; }

    const std::string& problem() const { return problem_; }
    /// Whether it failed because the other end is gone, or has closed; what it said before that may
    /// still be read.
    bool is_cut_off() const { return wire_.error != 0; }

  private:
    /// The socket, as OpenSSL sees it.
    struct Wire {
        int socket;
        bool would_block = false;  ///< what came was read to its end
        bool ended = false;
        int error = 0;
    };
    struct WireMethod;
    struct Verdict;

    void attach(const TlsContext& context);
    Step conclude(int result);
    std::string explain(int error) const;

    Wire wire_;
    ssl_st* ssl_ = nullptr;
    std::string host_;  ///< empty: this is the server's end
    std::string trusted_by_;
    std::string refusal_;  ///< of the server's certificate
    std::string problem_;
};

}  // namespace bookstore::http
