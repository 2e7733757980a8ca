#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/exchange.hpp"
#include "http/message.hpp"
#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"

// Internal to the server: this header costs an Asio include.

namespace bookstore::http {

namespace asio = boost::asio;

class Worker;

// The io_context's own executor everywhere: type-erased ones cost on every operation.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Token = asio::use_awaitable_t<Executor>;
template <class T>
using Awaitable = asio::awaitable<T, Executor>;

/// Resumes a coroutine that waits.
using BellHandler = typename asio::async_result<Token, void()>::handler_type;

inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

/// One client's connection. Belongs to its worker, and lives and is used on its thread alone.
class Connection final : private Answerable {
  public:
    Connection(Worker& worker, Socket socket);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Serves requests until the connection ends. The connection must outlive it.
    Awaitable<void> run();

    /// Looks at the clock: cuts off what takes too long, frees what an idle connection holds.
    void sweep(std::int64_t now_ms);
    /// The server is stopping: ends what waits for nothing, and makes the next answer the last.
    void drain();
    /// Ends run() soon, whatever it is doing.
    void abort();

    std::size_t index = 0;  ///< the worker's: where it keeps the connection

  private:
    enum class Phase { idle, header, body, answer, write, stream, linger };
    enum class Arrival { complete, refused, gone };
    enum class Outcome { keep, close, gone, pending };

    /// What of the header concerns the connection.
    struct Framing {
        bool http_1_0 = false;
        bool keep_alive = false;
        bool chunked = false;
        bool expects_continue = false;
        std::uint64_t content_length = 0;
    };

    /// What the socket did not take at once of an answer.
    struct Unsent {
        std::string head;
        std::string_view body;
        Outcome outcome =
            Outcome::pending;  ///< once it is sent; pending: a stream, nothing is sent
    };

    // Waiting
    void ring() override;
    Awaitable<void> rung();
    Awaitable<void> turn();
    void enter(Phase phase, std::chrono::milliseconds limit);
    void enter(Phase phase);
    void close();

    // Reading
    Awaitable<void> serve();
    void begin_request();
    Awaitable<Arrival> read_head();
    bool has_begun();
    Arrival conclude(RequestParser& parser, RequestParser::State state);
    bool has_body() const;
    Awaitable<Arrival> read_body();
    Awaitable<Arrival> read_counted_body();
    Awaitable<Arrival> read_chunked_body();
    Awaitable<bool> fill();
    asio::mutable_buffer room();
    bool take(boost::system::error_code failed, std::size_t count);
    void prepare_request();
    Arrival refuse(int status, std::string message);
    Arrival cut_off();
    std::optional<Problem> refusal_of_body();

    // Answering
    void dispatch();
    Response take_response();
    Outcome send_now(const Response& response, Unsent& unsent);
    Awaitable<Outcome> send_rest(Response& response, const Unsent& unsent);
    void compose_head(const Response& response, bool keep, std::optional<std::uint64_t> length);
    std::optional<std::size_t> write_now(std::string_view head, std::string_view body);
    Awaitable<bool> write_rest(std::string_view head, std::string_view body);
    Awaitable<bool> write(std::string_view text);
    void end_answer();
    void note_answer(int status);
    void report(std::string_view what);
    Awaitable<void> linger();

    // Streaming
    Awaitable<Outcome> send_stream(Response& response);
    Awaitable<bool> pump(Stream& stream);
    Awaitable<bool> write_frame(std::string& frame);
    void watch();

    Worker& worker_;
    Socket socket_;
    ReadBuffer buffer_;
    ExchangeRef exchange_;
    std::optional<Problem> refusal_;
    std::optional<BellHandler> bell_;
    Framing framing_;
    std::string other_method_;                   ///< as received, when it is none of ours
    std::chrono::steady_clock::time_point now_;  ///< when the last wait ended
    std::chrono::steady_clock::time_point started_;
    std::int64_t deadline_ms_ = never;
    std::int64_t idle_since_ms_ = never;
    Phase phase_ = Phase::idle;
    bool rung_ = false;
    bool timed_out_ = false;
    bool shed_ = false;  ///< the read was cancelled to free its buffer
    bool heartbeat_due_ = false;
    bool streaming_ = false;
    bool watching_ = false;  ///< a read is under way beside the coroutine
    bool client_gone_ = false;
    bool aborted_ = false;
    bool answering_ = false;        ///< counted as in flight
    bool peer_is_trusted_ = false;  ///< a proxy that may say Forwarded
    bool peer_is_local_ = false;
};

}  // namespace bookstore::http
