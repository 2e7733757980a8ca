#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/awaitable.hpp"
#include "http/client_socket.hpp"
#include "http/message.hpp"
#include "http/request_parser.hpp"

// Internal to the server: this header costs an Asio and a Beast include.

namespace bookstore::http {

class Worker;

/// Reads the requests of a connection, one after the other, and refuses what may not be one.
/// One of its coroutines runs at a time; the other members may be called meanwhile.
class RequestReader {
  public:
    enum class Arrival {
        complete,
        failed,  ///< problem() is the answer, and the last one: nobody knows where the next request
                 ///< begins
        gone
    };

    /// What of a header concerns the connection.
    struct Framing {
        bool http_1_0 = false;
        bool keep_alive = false;
        bool chunked = false;
        bool expects_continue = false;
        std::uint64_t content_length = 0;
    };

    /// Both outlive it.
    RequestReader(Worker& worker, ClientSocket& client, Door door);

    /// Waits for the next request, as long as `idle_limit` allows, and reads its header into
    /// `request`, which is new. One coroutine for both: a small request costs one frame and, as a
    /// rule, one read.
    Awaitable<Arrival> read_head(Request& request, std::chrono::milliseconds idle_limit);
    bool has_body() const { return framing_.chunked || framing_.content_length > 0; }
    /// Behind read_head(), of a request that has one. "100 Continue" is said where it is asked for.
    Awaitable<Arrival> read_body(Request& request);

    /// Behind read_head(): the request is refused by its header, and problem() is the answer. Where
    /// its body is here already, the next request may follow.
    Arrival refuse(Problem problem);

    /// Of the request that was read last; where reading failed, what was understood of it.
    const Framing& framing() const { return framing_; }
    /// Why the last request could not be read, or was refused; else nothing.
    const std::optional<Problem>& problem() const { return problem_; }
    /// Whether anything of a request came since the last one.
    bool has_begun_request() const { return begun_; }
    /// Its method as received, when it is none of ours.
    std::string_view other_method() const { return other_method_; }

    /// Whatever comes is refused: it came without TLS to where TLS alone is spoken.
    void refuse_for_want_of_tls() { wants_tls_ = true; }

    /// The phase's time is over: the request that is being read fails with a 408.
    void time_out();
    /// Frees the buffer of a connection that has been idle for long.
    void release_idle_buffer(PhaseClock::Time now);

  private:
    /// Why the read that is under way is cut short.
    enum class Interrupt { none, timed_out, release_buffer };

    /// Who is at the other end of the connection.
    struct Sender {
        bool is_local = false;
        bool is_trusted = false;  ///< a proxy that may say what its client asked for
        IpAddress address{};      ///< zeros: unknown
        IpAddress reached_at{};   ///< the same
    };

    static Sender look_at(const ClientSocket& client, const ServerOptions& options);
    void begin();
    bool has_begun();
    bool take(boost::system::error_code failed, std::size_t count);
    Arrival conclude(Request& request, RequestParser& parser, RequestParser::State state);
    void complete_header(Request& request);
    std::optional<Problem> body_problem(Request& request);
    Awaitable<Arrival> read_counted_body(std::string& body);
    Awaitable<Arrival> read_chunked_body(std::string& body);
    Arrival fail(Problem problem);
    Arrival cut_off();

    Worker& worker_;
    ClientSocket& client_;
    const Sender sender_;
    const Door door_;
    Framing framing_;
    std::optional<Problem> problem_;
    std::string other_method_;
    Interrupt interrupt_ = Interrupt::none;
    bool begun_ = false;
    bool wants_tls_ = false;
};

}  // namespace bookstore::http
