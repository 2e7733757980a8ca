#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <vector>

// Internal to the client: this header costs an Asio include.

namespace bookstore::http {

/// Connections to one server that wait for their next request, closed when they waited for too
/// long. Of one thread alone: the io_context's.
class KeptConnections {
  public:
    using Socket = boost::asio::ip::tcp::socket;

    /// `io` outlives it.
    KeptConnections(boost::asio::io_context& io, std::chrono::milliseconds idle_timeout)
        : idle_timeout_(idle_timeout), timer_(io) {}

    /// The one that was used last, if the server has not closed it as far as can be seen.
    std::optional<Socket> take();
    void keep(Socket socket);

  private:
    using Clock = std::chrono::steady_clock;

    struct Kept {
        Socket socket;
        Clock::time_point until;
    };

    void close_idle_later();

    const std::chrono::milliseconds idle_timeout_;
    std::vector<Kept> kept_;  ///< the one that was used last is the last
    boost::asio::steady_timer timer_;
    bool timer_runs_ = false;
};

}  // namespace bookstore::http
