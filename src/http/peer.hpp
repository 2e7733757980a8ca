#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "http/message.hpp"

namespace bookstore::http {

/// Parses "http://host[:port]" or "https://host[:port]", where another process is; throws
/// std::invalid_argument with a readable reason.
Url parse_origin(std::string_view url);

struct PeerOptions {
    Url origin{};
    ClientTls tls{};                                 ///< where the origin is https
    std::chrono::milliseconds idle_timeout{20'000};  ///< a kept connection is closed after it
    std::size_t max_header_bytes = 16 << 10;         ///< of an answer, interim ones included
    std::size_t max_body_bytes = 64 << 10;           ///< of an answer
    /// What a callback threw; it is called on the peer's thread.
    std::function<void(std::string_view what)> error_log{};
};

struct PeerRequest {
    Method method = Method::get;
    std::string target{};
    std::vector<Header> headers{};
    std::string body{};
    std::chrono::milliseconds timeout{1'000};  ///< for all of it, connecting included
};

/// Another server: asynchronous exchanges on connections that are kept for the next ones, on one
/// thread of its own.
///
/// A kept connection that the server has closed meanwhile is noticed before it is used; where it
/// closes at the very moment, the request is sent once more on a new one, if nothing of an answer
/// came and it is safe to repeat: a GET, or one with an Idempotency-Key. Redirects are answers like
/// others. Interim answers (1xx) are read over.
class Peer {
  public:
    /// The answer, or why there is none: refused, timed out, garbage, too large.
    using Done = std::function<void(std::expected<ClientResponse, std::string>)>;

    struct Counts {
        std::uint64_t connections = 0;  ///< opened so far
        std::uint64_t repeated = 0;     ///< requests that were sent once more
    };

    explicit Peer(PeerOptions options);
    /// Calls under way are dropped: nobody is told.
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// Any thread. `done` is called once, on the peer's thread, at the latest when the time is
    /// over; it must not block. A call under way has a connection of its own: the caller bounds
    /// them.
    void send(PeerRequest request, Done done);

    Counts counts() const;

  private:
    class Call;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace bookstore::http
