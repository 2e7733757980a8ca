#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/forwarded.hpp"
#include "http/message.hpp"
#include "http/server_stats.hpp"
#include "http/tls.hpp"

namespace bookstore::http {

/// Where a server listens.
struct ListenAddress {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;          ///< 0: the system chooses
    std::optional<std::string> path{};  ///< of a unix socket: host and port say nothing then

    bool is_unix() const { return path.has_value(); }
};

struct ServerOptions : ListenAddress {
    /// A second listener, for operators; without it everything is behind the one.
    std::optional<ListenAddress> operators{};
    std::optional<TlsFiles> tls{};  ///< what listens at a port speaks TLS alone
    unsigned threads = 2;
    /// At both listeners together. Of these some are kept for the operators' (operators_room).
    std::size_t max_connections = 12'000;
    /// Of one client (an address; of IPv6 its /64), but for trusted proxies, unix sockets and the
    /// operators' listener. 0: an eighth of them all, and as many as there are for this machine.
    std::size_t max_connections_per_client = 0;
    /// Connections beyond those, of each I/O thread, that are open for a moment to read their 503.
    std::size_t max_turned_away = 256;
    std::size_t max_body_bytes = 1 << 20;
    std::size_t max_header_bytes = 16 << 10;
    std::size_t max_target_bytes = 8 << 10;
    std::size_t max_json_depth = 32;  ///< for whoever reads the body: in every request
    std::chrono::milliseconds idle_timeout{60'000};
    std::chrono::milliseconds header_timeout{10'000};
    std::chrono::milliseconds body_timeout{30'000};
    std::chrono::milliseconds write_timeout{30'000};
    std::chrono::milliseconds heartbeat{15'000};
    std::vector<Network> trusted_proxies{};  ///< who may say what the client asked for
    bool trusts_unix_peers = false;          ///< whoever connects to a unix socket is one of them
    ProxyHeaders proxy_headers = ProxyHeaders::x_forwarded;  ///< in which headers
};

/// How many connections customers leave to operators, where these have a listener: so that nobody
/// can lock them out. Where there are hardly more at all, so many are allowed beside them.
std::size_t operators_room(const ServerOptions& options);

/// How many connections a client may have that is not of this machine.
std::size_t share_of_client(const ServerOptions& options);

/// Removes the files of the unix sockets at which servers of this process listen: for who ends it
/// in the middle of something. Async-signal-safe.
void remove_socket_files() noexcept;

/// The status by which a request is logged and counted whose client went away before it had all of
/// its answer.
inline constexpr int client_gone_status = 499;

/// One line of the access log. Of what could not be parsed, method and target are "-".
struct Access {
    std::string_view method;
    std::string_view target;
    int status;
    std::chrono::microseconds duration;
    std::string_view peer;     ///< the address at the other end of the connection; empty: unknown
    std::uint64_t sent_bytes;  ///< of the answer, its head included
    std::string_view request_id;
    std::string_view trace;            ///< Request::trace
    const Request* request = nullptr;  ///< what is known of it otherwise, until the call returns
};

/// An HTTP/1.1 server: one coroutine a connection, one io_context an I/O thread.
/// RFC 9112 framing, plus the checks that Beast 1.81 leaves to its user.
class Server {
  public:
    using Dispatch = std::function<void(Request&, Done)>;
    /// Called on the I/O threads, on several at once, after the answer was written, of an event
    /// stream when it ended, or when it turned out that nobody is there to have it.
    using AccessLog = std::function<void(const Access&)>;

    /// What else the server may call, on its I/O threads; each may be empty.
    struct Hooks {
        /// Judges every request by its header, before its body is read; what it refuses is not
        /// dispatched. A limit for clients, say.
        std::function<std::optional<Problem>(Request&)> admit;
        /// Judges a request by its header, before its body is asked for with "100 Continue"
        /// (Router::header_problem). The dispatch judges again.
        std::function<std::optional<Problem>(Request&)> precheck;
        /// The precheck is asked before any body that is not here yet, also when the client sends
        /// it without being asked to: who may not send it keeps nobody busy.
        bool precheck_bodies = false;
        /// Has the last word on every answer, the server's own refusals included: CORS, say.
        /// Of a request that was refused early, much may be empty.
        std::function<void(const Request&, Response&)> decorate;
        /// What became a 500 or a broken connection, with the details that the client is not told.
        std::function<void(std::string_view request_id, std::string_view what)> error_log;
        /// What whoever runs the server should know, said once.
        std::function<void(std::string_view what)> notice;
    };

    /// Binds at once, at both listeners: throws std::system_error (address in use, ...), or
    /// std::runtime_error where its certificate cannot be read, before any thread runs.
    Server(ServerOptions options, Dispatch dispatch, AccessLog access_log = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Before start().
    void set_hooks(Hooks hooks);

    /// The address that was bound, "127.0.0.1:43211"; IPv6 in brackets; "unix:/run/shop.sock".
    std::string address() const;
    /// The same as a URL: "http://127.0.0.1:43211", "https://...", "unix:/run/shop.sock".
    std::string url() const;
    /// That of the operators' listener; empty when there is none.
    std::string operators_url() const;
    /// Whether other machines reach what is behind the one listener, or the customers'.
    bool is_beyond_loopback() const;
    std::uint16_t port() const;

    /// Serves on its own threads until stop().
    void start();

    /// Stops accepting, closes idle connections and event streams, answers what is in flight with
    /// `Connection: close`, and returns when all is done or `drain` is over. Connections of the
    /// backlog, and those that were answered a moment ago, may still send one request. Any thread
    /// but its own.
    void stop(std::chrono::milliseconds drain);

    /// Takes certificate and key again if their files have changed, for the connections from then
    /// on: whether it could, or why not, and then it goes on with what it has; nothing when they
    /// have not changed. One thread at a time.
    std::optional<std::expected<void, std::string>> look_at_tls_files();
    /// Nothing without TLS. Any thread.
    std::optional<TlsStatus> tls_status() const;

    std::size_t connections() const;
    /// Any thread, while the server lives.
    ServerStats stats() const;

  private:
    struct Acceptor;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace bookstore::http
