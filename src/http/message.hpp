#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "http/audience.hpp"
#include "http/ip_address.hpp"

// Plain requests and responses: what modules see of HTTP. No Beast, no Asio.

namespace bookstore::http {

struct Identity;

/// TRACE and CONNECT are known and answered by no route: 405, where `other` is 501.
enum class Method { get, head, post, put, patch, del, options, trace, connect, other };

/// The method's name as it stands on the wire; "?" for `other`.
std::string_view name_of(Method method);

struct Header {
    std::string name;
    std::string value;
};

/// What a client may still ask, where that is limited.
struct RateState {
    std::uint32_t left = 0;     ///< requests
    std::uint32_t reset_s = 0;  ///< then he may send more; all that he may, where some are left
};

/// A request whose body was read completely and whose header obeys RFC 9112.
/// It lives until its handler answered; handlers may keep references until then.
struct Request {
    Method method = Method::get;
    std::string target;                          ///< as received
    std::string path;                            ///< percent-decoded; no trailing slash but for "/"
    std::vector<std::uint32_t> literal_slashes;  ///< where in `path` a "/" was sent as %2F
    std::vector<std::pair<std::string, std::string>> query;  ///< percent-decoded, in order
    std::vector<std::string> captures;  ///< the path's `{...}` parts, percent-decoded, in order
    std::vector<Header> headers;        ///< as received, the trailer excluded
    std::string body;
    std::string scheme = "http";
    std::string host;    ///< the Host field, or what a trusted proxy says instead
    std::string prefix;  ///< what a trusted proxy cut off the path: "/shop"; as a rule empty
    std::string id;      ///< request id, for logs: X-Request-Id if sane, else made here
    /// W3C traceparent as received (of a later version, as version 00 understands it); empty if
    /// there was none or it is malformed. Whoever dispatches may put one of its own there.
    std::string trace;
    std::int64_t arrived_ms = 0;  ///< wall clock, noted by whoever dispatches; 0: not noted
    Door door = Door::only;       ///< the listener that it came to
    bool from_loopback = false;   ///< the connection comes from an address of this machine
    bool from_trusted_proxy = false;
    /// What was in `host` before a trusted proxy's word replaced it; empty: nothing did.
    std::string replaced_host;
    /// Who asks: the other end of the connection, or whom a trusted proxy names; zeros: unknown, as
    /// at a unix socket.
    IpAddress client{};
    std::optional<RateState> rate{};  ///< noted by whoever limits requests
    IpAddress reached_at{};  ///< the address that the connection was made to; zeros: unknown
    /// The host is none of the server's names (Hosts): the entrance says so.
    bool foreign_name = false;
    /// The number of the route that it is for, from 1 on (Router::routes); 0: there is none.
    std::uint32_t route = 0;
    bool guarded = false;  ///< there is an authentication
    /// Who asks; null: he was not asked who he is.
    std::shared_ptr<const Identity> identity{};
    /// Of what is customers', what is this one's is there for who asks, and nothing else; 0: all
    /// is.
    std::int64_t customer = 0;
    bool prefers_json = false;        ///< Accept prefers application/json to application/hal+json
    bool prefers_schema = false;      ///< Accept prefers application/schema+json to ALPS
    bool negotiated = false;          ///< the route has several media types, and Accept chose
    std::size_t max_json_depth = 32;  ///< a body that nests deeper is refused (400)

    /// The value of the first header of that name (case-insensitive).
    std::optional<std::string_view> header(std::string_view name) const;
    /// The first value of that query parameter; an empty one counts as given.
    std::optional<std::string_view> parameter(std::string_view name) const;
    /// The Host field, or the absolute target's host, as it came.
    std::string_view received_host() const { return replaced_host.empty() ? host : replaced_host; }
    /// "http://host:port": what an Origin field is compared with.
    std::string origin() const { return scheme + "://" + host; }
    /// The prefix of every link.
    std::string base_url() const { return origin() + prefix; }
    /// Whether who asks a probe may know more than whether all is well: he came to no listener that
    /// is customers' alone and, where there is an authentication, is an operator.
    bool is_by_operators() const;
};

/// What a long answer is made of (an event stream). Every member is called on the connection's
/// I/O thread; `wake` may be called from any thread, also after the stream is gone.
class Stream {
  public:
    enum class State { more, wait, end };

    virtual ~Stream() = default;
    /// Appends what there is, in bounded pieces. more: call again; wait: nothing until `wake`.
    virtual State next(std::string& out) = 0;
    /// Told once, before the first next().
    virtual void on_ready(std::function<void()> wake) = 0;
    /// Sent when nothing else was for a while.
    virtual std::string_view heartbeat() const = 0;
};

struct Response {
    int status = 200;
    std::string content_type;     ///< empty: no body was meant, no Content-Type is sent
    std::vector<Header> headers;  ///< "Connection: close" ends the connection after it
    std::string body;
    std::unique_ptr<Stream> stream;  ///< if set, it is the body (chunked)
};

struct FieldError {
    std::string field;
    std::string message;
    std::optional<std::string> rejected_value{};  ///< nothing: the field is missing
};

/// Why a request was refused. Rendered in one place (render_problem) as the contract's error body.
struct Problem {
    int status = 500;
    std::string message{};
    std::vector<FieldError> errors{};
    std::vector<Header> headers{};  ///< Allow, Retry-After, ...
};

/// What a problem is written as: the contract's own body, or RFC 9457's.
enum class ProblemForm { error, problem_json };

/// The contract's error body: {"timestamp","status","error","message","path"[,"errors"]}; or
/// application/problem+json: {"type","title","status","detail","instance"[,"errors"]}.
/// `path` is the request's, without query. `rejectedValue` is cut at 100 characters.
Response render_problem(
    const Problem& problem,
    std::string_view path,
    std::int64_t now_ms,
    ProblemForm form = ProblemForm::error
);

/// The reason phrase of RFC 9110, "Unknown" for a status it does not list.
std::string_view reason_phrase(int status);

using Answer = std::variant<Response, Problem>;

/// Takes the answer: call it exactly once, from any thread.
using Done = std::function<void(Answer)>;

/// Answers a request, now (inside the call) or later. It runs on an I/O thread: it must not block.
/// The request stays alive until `done` was called. What it throws is a 500.
using Handler = std::function<void(const Request&, Done)>;

}  // namespace bookstore::http
