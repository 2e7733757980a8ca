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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/awaitable.hpp"
#include "http/exchange.hpp"
#include "http/request_stats.hpp"
#include "http/server.hpp"
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
};

/// What all threads of a server share: constant once the server runs, but for `draining`, the
/// counters and what stop() waits by.
struct Shared {
    Shared(ServerOptions o, Server::Dispatch d, Server::AccessLog log)
        : options(std::move(o)), dispatch(std::move(d)), access_log(std::move(log)) {}

    ServerOptions options;
    Server::Dispatch dispatch;
    Server::AccessLog access_log;
    Server::Hooks hooks;

    std::atomic<bool> draining{false};
    std::atomic<std::size_t> connections{0};  ///< at all doors
    /// Of those the customers', where operators have a door of their own.
    std::atomic<std::size_t> customers_connections{0};
    Counter accepted;     ///< added to by the thread that accepts, the first worker's
    Counter turned_away;  ///< by the same thread
    std::mutex mutex;
    std::condition_variable none_left;

    /// Counts it; false where it is one too many, and does not count.
    bool begin_connection(Door door);
    void connection_ended(Door door);
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
    /// Any thread: has it answered with a 503.
    void turn_away(UniqueFd fd);
    /// Any thread.
    void drain();
    /// Any thread: ends every connection and then run().
    void abort();

    asio::io_context& io() { return io_; }
    const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
    bool is_draining() const { return shared.draining.load(std::memory_order_relaxed); }
    std::string next_request_id();
    /// Waits for its turn, in the order of the calls. The thread's streams and pipelined requests
    /// go on one at a time, and between two turns the thread serves other sockets: so thousands of
    /// streams that one event wakes, or thousands of pipelined requests, keep no other client
    /// waiting.
    Awaitable<void> turn();

    Shared& shared;
    DateClock date;
    RequestStats requests;
    std::string scratch;  ///< where heads are made; free again when the function returns

  private:
    /// A client that was turned away, kept for a moment so that it can read why.
    struct Farewell {
        UniqueFd fd;
        std::chrono::steady_clock::time_point until;
    };

    void serve(Accepted accepted);
    void say_farewell(UniqueFd fd);
    static void end_farewell(const Farewell& farewell);
    void remove(Connection& connection);
    void queue_turn(Resume resume);
    void take_turn();
    void schedule_sweep();
    void sweep();

    asio::io_context io_{1};
    asio::executor_work_guard<Executor> work_;
    std::shared_ptr<Mailbox> mailbox_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::deque<Farewell> farewells_;  ///< the oldest first
    std::deque<Resume> turns_;
    asio::steady_timer sweep_timer_;
    std::chrono::milliseconds sweep_period_;
    bool sweeping_ = false;
    bool aborted_ = false;
    std::string id_prefix_;
    std::uint64_t id_count_ = 0;
};

}  // namespace bookstore::http
