#pragma once

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "http/awaitable.hpp"
#include "http/ip_address.hpp"
#include "http/phase_clock.hpp"
#include "http/read_buffer.hpp"
#include "http/server.hpp"
#include "http/tls_session.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

/// The address in what the system says of a connection's end; nothing of a unix socket.
std::optional<IpAddress> address_in(const sockaddr_storage& end);

/// A client's socket, what was received from it, and the deadline of what it does. One thread.
/// Over TLS it reads and writes the same, once hands were shaken.
class ClientSocket {
  public:
    using Transferred = std::tuple<boost::system::error_code, std::size_t>;

    /// `socket` is open and does not block. `options` outlives it. Without `tls` it is plain.
    ClientSocket(Socket socket, const ServerOptions& options, const TlsContext& tls);

    bool is_tls() const { return tls_ != nullptr; }
    /// Goes on with the handshake; what it wants is waited for by until_able().
    TlsSession::Step shake_hands();
    /// Before the handshake, when there is something to read: whether it is a request without TLS.
    bool speaks_plainly() const;
    /// From now on it is a plain socket, whatever was said before.
    void give_up_tls() { tls_.reset(); }
    const TlsSession& tls() const { return *tls_; }

    /// Nothing if it is gone already, or a unix socket.
    std::optional<IpAddress> peer_address() const;
    /// The address that it connected to.
    std::optional<IpAddress> own_address() const;
    /// As a log shows it: one of IPv4 as such, on whatever socket it came; "unix". Empty if gone.
    std::string peer_text() const;
    bool is_unix() const;
    /// Where it connected to, as a Host field names it: "127.0.0.1:8080".
    std::string own_text() const;
    /// Whether the client has closed for good, not only its own direction, as far as is known yet.
    bool is_reset() const;
    /// What the socket took so far of all that was written.
    std::uint64_t sent_bytes() const { return sent_bytes_; }

    ReadBuffer received;  ///< and not parsed yet
    PhaseClock clock;

    /// Reads something after what was received; received.commit() makes it part of it.
    Awaitable<Transferred> read_some();
    Awaitable<Transferred> read_some_into(asio::mutable_buffer room);
    /// Waits for something to read, or the client's end, without memory.
    Awaitable<std::tuple<boost::system::error_code>> until_readable();
    Awaitable<std::tuple<boost::system::error_code>> until_writable();
    /// Until what TLS wants can be done: a read or a write.
    Awaitable<std::tuple<boost::system::error_code>> until_able(TlsSession::State wanted);
    /// As read_some(), beside the coroutine: `done` is called later, with what was read.
    template <class Done>
    void read_beside(Done done) {
        if (tls_) {
            read_tls_beside(std::move(done));
        } else {
            socket_.async_read_some(room(), std::move(done));
        }
    }
    /// Beside the coroutine, too: `done` is called when the connection is broken, with no error; or
    /// with operation_aborted.
    template <class Done>
    void when_reset(Done done) {
        socket_.async_wait(Socket::wait_error, std::move(done));
    }
    /// Whether there is something to read.
    bool has_more() const;
    /// Ends the reads under way; they give operation_aborted.
    void cancel();

    /// Writes as much as the socket takes at once; nothing if the client is gone.
    std::optional<std::size_t> write_now(std::string_view head, std::string_view body);
    /// Writes all of it, in a phase of its own. False if the client is gone, or does not keep up.
    Awaitable<bool> write_rest(std::string_view head, std::string_view body);
    /// As write_now() and write_rest().
    Awaitable<bool> write(std::string_view text);
    /// Tells the client that nothing more is written.
    void end_writing();

    /// Ends the reads and writes under way, too.
    void close();
    /// As close(), and is_aborted() is true from then on: for a coroutine that waits for something
    /// else than the socket.
    void abort();
    bool is_aborted() const { return aborted_; }
    bool is_open() const { return socket_.is_open(); }

  private:
    using ReadDone = std::function<void(boost::system::error_code, std::size_t)>;

    asio::mutable_buffer room();
    int handle() const;
    std::optional<std::size_t> write_plainly(std::string_view head, std::string_view body);
    Awaitable<Transferred> write_some(std::string_view text);
    Awaitable<Transferred> read_tls(asio::mutable_buffer room);
    Awaitable<Transferred> write_tls(std::string_view text);
    std::optional<std::size_t> write_tls_now(std::string_view text);
    void read_tls_beside(ReadDone done);
    void go_on_reading_tls(boost::system::error_code failed, ReadDone done);

    Socket socket_;
    std::unique_ptr<TlsSession> tls_;
    bool cancelled_ = false;  ///< the read over TLS that is under way
    std::size_t max_received_bytes_;
    std::chrono::milliseconds write_timeout_;
    std::uint64_t sent_bytes_ = 0;
    bool aborted_ = false;
};

}  // namespace bookstore::http
