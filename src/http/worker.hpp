#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/awaitable.hpp"
#include "http/client_key.hpp"
#include "http/connection_shares.hpp"
#include "http/exchange.hpp"
#include "http/request_stats.hpp"
#include "http/server.hpp"
#include "http/tls_identity.hpp"
#include "http/unique_fd.hpp"
#include "http/wire.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

class Connection;

/// A client's socket that was accepted.
struct Accepted {
    UniqueFd fd;
    int family;  ///< AF_INET, ...
    Door door;
    std::optional<ClientKey> counted_as;  ///< among the clients' connections; nothing: it is not
    TlsContext tls;                       ///< none: it is plain
};

/// What waits for its turn on an I/O thread: one goes on at a time, in the order in which they
/// came, each in a round of the loop of its own, so that the thread serves other sockets between.
class Turns {
  public:
    /// `io` outlives it.
    explicit Turns(asio::io_context& io) : io_(io) {}

    Awaitable<void> wait();

  private:
    void queue(Resume resume);
    void take();

    asio::io_context& io_;
    std::deque<Resume> waiting_;
};

/// What all threads of a server share: constant once the server runs, but for `draining`, the
/// counters and what stop() waits by.
struct Shared {
    Shared(ServerOptions o, Server::Dispatch d, Server::AccessLog log)
        : options(std::move(o)), dispatch(std::move(d)), access_log(std::move(log)) {
        shares.emplace(share_of_client(options));
        if (options.tls) {
            identity.emplace(*options.tls);
        }
    }

    ServerOptions options;
    Server::Dispatch dispatch;
    Server::AccessLog access_log;
    Server::Hooks hooks;
    std::optional<TlsIdentity> identity;
    std::optional<ConnectionShares> shares;

    std::atomic<bool> draining{false};
    std::atomic<std::size_t> connections{0};  ///< at all doors
    /// Of those the customers', where operators have a door of their own.
    std::atomic<std::size_t> customers_connections{0};
    Counter accepted;               ///< added to by the thread that accepts, the first worker's
    Counter turned_away;            ///< by the same thread
    Counter turned_away_of_client;  ///< of these, by the same thread
    std::atomic<bool> noticed_tls{false};  ///< that TLS is spoken where none is
    std::mutex mutex;
    std::condition_variable none_left;

    /// As whom a connection counts that comes from there.
    std::optional<ClientKey> counted_as(const std::optional<IpAddress>& client, Door door) const;
    enum class Begin { counted, too_many, too_many_of_client };
    /// Counts it, unless it is one too many.
    Begin begin_connection(Door door, const std::optional<ClientKey>& client);
    void connection_ended(Door door, const std::optional<ClientKey>& client);
};

/// An I/O thread's state: its connections and what they use together. Members that are not marked
/// otherwise are of that thread alone.
class Worker {
  public:
    explicit Worker(Shared& shared_state);
    ~Worker();

    /// Runs the thread's loop until abort() was called and everything ended.
    void run();
    /// Any thread: has the worker serve an accepted connection.
    void adopt(Accepted accepted);
    /// Any thread: has it answered with a 503 (or a 429, where it is its client that has too many),
    /// over TLS with an alert.
    void turn_away(Accepted accepted, bool of_client);
    /// Any thread.
    void drain();
    /// Any thread: ends every connection and then run().
    void abort();

    asio::io_context& io() { return io_; }
    const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
    bool is_draining() const { return shared.draining.load(std::memory_order_relaxed); }
    std::string next_request_id();
    /// The turns of streams and pipelined requests: thousands of streams that one event wakes, or
    /// thousands of pipelined requests, keep no other client waiting.
    Awaitable<void> turn() { return turns_.wait(); }
    /// Those of handshakes, which compute for long: thousands of new clients keep none of the
    /// others waiting, and no stream.
    Awaitable<void> handshake_turn() { return handshake_turns_.wait(); }
    /// TLS came where none is spoken: says so, the first time.
    void notice_tls(std::string_view peer);

    Shared& shared;
    DateClock date;
    RequestStats requests;
    HandshakeStats handshakes;
    std::string scratch;  ///< where heads are made; free again when the function returns

  private:
    /// A client that was turned away, kept for a moment so that it can read why.
    struct Farewell {
        UniqueFd fd;
        std::chrono::steady_clock::time_point until;
    };

    void serve(Accepted accepted);
    void say_farewell(Accepted accepted, bool of_client);
    std::string farewell_text(bool of_client);
    static void end_farewell(const Farewell& farewell);
    void remove(Connection& connection);
    void schedule_sweep();
    void sweep();

    asio::io_context io_{1};
    asio::executor_work_guard<Executor> work_;
    std::shared_ptr<Mailbox> mailbox_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::deque<Farewell> farewells_;  ///< the oldest first
    Turns turns_{io_};
    Turns handshake_turns_{io_};
    asio::steady_timer sweep_timer_;
    std::chrono::milliseconds sweep_period_;
    bool sweeping_ = false;
    bool aborted_ = false;
    std::string id_prefix_;
    std::uint64_t id_count_ = 0;
};

}  // namespace bookstore::http
