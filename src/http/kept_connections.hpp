#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "http/tls_session.hpp"

// Internal to the client: this header costs an Asio include.

namespace bookstore::http {

/// A connection to a server.
struct PeerConnection {
    boost::asio::ip::tcp::socket socket;
    std::unique_ptr<TlsSession> tls{};  ///< none: it is plain
};

/// Connections to one server that wait for their next request, closed when they waited for too
/// long. Of one thread alone: the io_context's.
class KeptConnections {
  public:
    /// `io` outlives it.
    KeptConnections(boost::asio::io_context& io, std::chrono::milliseconds idle_timeout)
        : idle_timeout_(idle_timeout), timer_(io) {}

    /// The one that was used last, if the server has not closed it as far as can be seen.
    std::optional<PeerConnection> take();
    void keep(PeerConnection connection);

  private:
    using Clock = std::chrono::steady_clock;

    struct Kept {
        PeerConnection connection;
        Clock::time_point until;
    };

    void close_idle_later();

    const std::chrono::milliseconds idle_timeout_;
    std::vector<Kept> kept_;  ///< the one that was used last is the last
    boost::asio::steady_timer timer_;
    bool timer_runs_ = false;
};

}  // namespace bookstore::http
