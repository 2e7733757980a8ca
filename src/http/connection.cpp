#include "http/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "http/chunked.hpp"
#include "http/forwarded.hpp"
#include "http/request_parser.hpp"
#include "http/text.hpp"
#include "http/wire.hpp"
#include "http/worker.hpp"

namespace bookstore::http {

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

constexpr Token use_await;
constexpr asio::as_tuple_t<Token> as_result(use_await);

/// What bounds trailers and chunk extensions: the contract's 64 KiB.
constexpr std::size_t max_buffer_bytes = 64 << 10;
constexpr std::size_t body_buffer_bytes = 16 << 10;
/// A body is given memory as it comes, not as it is announced.
constexpr std::size_t first_body_bytes = 64 << 10;
/// Up to here a body is copied behind its head; beyond, the two are written side by side.
constexpr std::size_t copied_body_bytes = 16 << 10;
/// A slow reader has write_timeout for each piece of that size.
constexpr std::size_t timed_write_bytes = 64 << 10;
constexpr std::size_t stream_piece_bytes = 64 << 10;
/// A stream that waits keeps no more.
constexpr std::size_t kept_frame_bytes = 4 << 10;
/// What a client sends while a stream runs is kept for later up to here, then left in the socket.
constexpr std::size_t max_watched_bytes = 16 << 10;

/// What is still read of a request that was refused, so that closing does not destroy the answer.
constexpr std::size_t linger_bytes = 4 << 20;
constexpr milliseconds linger_time{2000};
constexpr milliseconds linger_time_draining{300};
/// A connection that was answered, or accepted, so short a time ago when the server stops may have
/// its next request on the way: it is waited for.
constexpr milliseconds last_chance{300};
/// After that time an idle connection gives its buffer back.
constexpr std::int64_t shed_after_ms = 2000;

constexpr std::string_view continue_answer = "HTTP/1.1 100 Continue\r\n\r\n";

/// A frame has room in front for a chunk's size and line break, so that its data is not moved.
constexpr std::size_t frame_prefix_bytes = 18;

void start_frame(std::string& frame) {
    frame.assign(frame_prefix_bytes, ' ');
}
bool is_empty_frame(const std::string& frame) {
    return frame.size() == frame_prefix_bytes;
}

std::int64_t wall_clock_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// Asks the system who the peer is only where that matters.
bool is_trusted(const Socket& socket, std::span<const Network> trusted) {
    if (trusted.empty()) return false;
    error_code failed;
    const auto peer = socket.remote_endpoint(failed).address();
    if (failed) return false;
    const auto address =
        peer.is_v6() ? peer.to_v6() : asio::ip::make_address_v6(asio::ip::v4_mapped, peer.to_v4());
    return contains(trusted, address.to_bytes());
}

bool is_loopback(const Socket& socket) {
    error_code failed;
    const auto peer = socket.remote_endpoint(failed).address();
    if (failed) return false;
    const bool mapped = peer.is_v6() && peer.to_v6().is_v4_mapped();
    return mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, peer.to_v6()).is_loopback()
                  : peer.is_loopback();
}

}  // namespace

Connection::Connection(Worker& worker, Socket socket)
    : worker_(worker),
      socket_(std::move(socket)),
      now_(std::chrono::steady_clock::now()),
      peer_is_trusted_(is_trusted(socket_, worker.shared.options.trusted_proxies)),
      peer_is_local_(is_loopback(socket_)) {
    enter(Phase::idle, worker_.shared.options.idle_timeout);
}

Connection::~Connection() {
    end_answer();
    if (exchange_) exchange_->forget_owner();
}

// ---- Waiting

Awaitable<void> Connection::run() {
    try {
        co_await serve();
    } catch (const std::exception& error) {
        report(error.what());
    }
    close();
    while (watching_) {
        rung_ = false;
        co_await rung();
    }
}

/// Wakes the coroutine if it waits in rung(), else its next rung() returns at once. It may end, and
/// the connection with it, before this returns.
void Connection::ring() {
    rung_ = true;
    if (!bell_) return;
    BellHandler resume = std::move(*bell_);
    bell_.reset();
    std::move(resume)();
}

Awaitable<void> Connection::rung() {
    if (!rung_) {
        auto keep = [this](auto handler) { bell_.emplace(std::move(handler)); };
        co_await asio::async_initiate<const Token, void()>(keep, use_await);
    }
    rung_ = false;
}

/// Of the thread's streams and pipelined requests one goes on at a time, and between two the thread
/// serves whoever sent something: thousands of streams, woken by one event or far behind, and
/// thousands of requests at once keep nobody waiting.
Awaitable<void> Connection::turn() {
    auto queue = [this](auto handler) { worker_.queue_turn(std::move(handler)); };
    co_await asio::async_initiate<const Token, void()>(queue, use_await);
}

/// The deadline counts from now_: what was waited for last.
void Connection::enter(Phase phase, milliseconds limit) {
    phase_ = phase;
    deadline_ms_ = Worker::ms_of(now_) + limit.count();
}

/// A phase without a deadline.
void Connection::enter(Phase phase) {
    phase_ = phase;
    deadline_ms_ = never;
}

void Connection::close() {
    error_code ignored;
    socket_.close(ignored);
}

void Connection::sweep(std::int64_t now_ms) {
    if (now_ms < deadline_ms_) {
        const bool rests = phase_ == Phase::idle && now_ms - idle_since_ms_ > shed_after_ms;
        if (!rests || !buffer_.has_memory() || !buffer_.empty() || shed_) return;
        shed_ = true;
        error_code ignored;
        socket_.cancel(ignored);
        return;
    }
    deadline_ms_ = never;
    switch (phase_) {
        case Phase::idle:
        case Phase::write:
        case Phase::linger:
            close();
            break;
        case Phase::header:
        case Phase::body: {
            timed_out_ = true;
            error_code ignored;
            socket_.cancel(ignored);
            break;
        }
        case Phase::stream:
            heartbeat_due_ = true;
            ring();
            break;
        case Phase::answer:
            break;
    }
}

void Connection::drain() {
    if (streaming_) {
        // Nobody waits for a reader that does not keep up.
        if (phase_ == Phase::write) close();
        ring();
        return;
    }
    switch (phase_) {
        case Phase::idle: {
            // What was sent before is still answered.
            error_code failed;
            if (!buffer_.empty() || socket_.available(failed) > 0) break;
            const std::int64_t until_ms = idle_since_ms_ + last_chance.count();
            deadline_ms_ = std::min(deadline_ms_, until_ms);
            if (deadline_ms_ <= Worker::now_ms()) close();
            break;
        }
        case Phase::linger:
            deadline_ms_ = std::min(deadline_ms_, Worker::now_ms() + linger_time_draining.count());
            break;
        default:
            break;
    }
}

void Connection::abort() {
    aborted_ = true;
    close();
    ring();
}

// ---- Reading

Awaitable<void> Connection::serve() {
    Outcome outcome = Outcome::keep;
    while (outcome == Outcome::keep) {
        begin_request();
        Arrival arrival = co_await read_head();
        if (arrival == Arrival::complete && has_body()) {
            const Arrival body = co_await read_body();
            arrival = body;
        }
        if (arrival == Arrival::gone) co_return;
        enter(Phase::answer);
        started_ = now_;
        answering_ = true;
        worker_.requests.began();
        if (arrival == Arrival::complete) {
            dispatch();
            while (!exchange_->is_answered() && !aborted_) {
                co_await rung();
            }
        } else {
            framing_.keep_alive = false;
        }
        if (aborted_) co_return;
        Response response = take_response();
        Unsent unsent;
        outcome = send_now(response, unsent);
        if (outcome == Outcome::pending) {
            const Outcome later = co_await send_rest(response, unsent);
            outcome = later;
        }
        end_answer();
        if (outcome == Outcome::keep && !buffer_.empty()) {
            // Its next request is here already: a buffer of them would take the thread for long.
            co_await turn();
            if (aborted_) co_return;
        }
    }
    if (outcome == Outcome::close) {
        co_await linger();
    }
}

void Connection::begin_request() {
    if (!exchange_ || exchange_->is_shared()) {
        if (exchange_) exchange_->forget_owner();
        exchange_ = ExchangeRef(new Exchange(worker_.mailbox(), *this));
    } else {
        exchange_->reset();
    }
    framing_ = Framing{};
    refusal_.reset();
    timed_out_ = false;
    rung_ = false;
    shed_ = false;
    if (!other_method_.empty()) other_method_.clear();
    buffer_.shrink();
}

/// Waits for a request, with no limit but the idle timeout, and reads its header. One coroutine for
/// both: a small request costs one frame and, as a rule, one read.
Awaitable<Connection::Arrival> Connection::read_head() {
    const ServerOptions& options = worker_.shared.options;
    const bool draining = worker_.shared.draining.load(std::memory_order_relaxed);
    const milliseconds limit =
        draining ? std::min(last_chance, options.idle_timeout) : options.idle_timeout;
    enter(Phase::idle, limit);
    idle_since_ms_ = deadline_ms_ - limit.count();
    while (!has_begun()) {
        const auto [failed, count] = co_await socket_.async_read_some(room(), as_result);
        if (take(failed, count)) continue;
        if (!shed_ || !buffer_.empty()) co_return Arrival::gone;
        shed_ = false;
        buffer_.release();
        const auto [closed] = co_await socket_.async_wait(Socket::wait_read, as_result);
        if (closed) co_return Arrival::gone;
    }
    enter(Phase::header, options.header_timeout);
    RequestParser parser(exchange_->request, {options.max_header_bytes, options.max_target_bytes});
    for (;;) {
        std::string_view rest = buffer_.view();
        const RequestParser::State state = parser.put(rest);
        buffer_.consume(buffer_.size() - rest.size());
        if (state != RequestParser::State::more) co_return conclude(parser, state);
        const bool filled = co_await fill();
        if (!filled) co_return cut_off();
    }
}

/// Whether there is something of a request in the buffer. RFC 9112 2.2: a line break before it,
/// which old clients send behind a body, is skipped.
bool Connection::has_begun() {
    while (buffer_.view().starts_with("\r\n")) buffer_.consume(2);
    return !buffer_.empty() && buffer_.view() != "\r";
}

Connection::Arrival Connection::conclude(RequestParser& parser, RequestParser::State state) {
    if (exchange_->request.method == Method::other) other_method_ = parser.method_name();
    prepare_request();
    if (state == RequestParser::State::refused) {
        refusal_ = std::move(parser.problem());
        return Arrival::refused;
    }
    framing_.http_1_0 = parser.is_http_1_0();
    framing_.keep_alive = parser.keep_alive();
    framing_.chunked = parser.is_chunked();
    framing_.expects_continue = parser.expects_continue();
    framing_.content_length = parser.content_length();
    return Arrival::complete;
}

/// Fills in what the server adds to a request.
void Connection::prepare_request() {
    Request& request = exchange_->request;
    unsigned traces = 0;
    for (const Header& header : request.headers) {
        if (header.name.size() == 12 && equal_ignoring_case(header.name, "x-request-id")) {
            if (request.id.empty() && is_sane_request_id(header.value)) request.id = header.value;
        } else if (header.name.size() == 11 && equal_ignoring_case(header.name, "traceparent")) {
            ++traces;
            if (is_traceparent(header.value)) request.trace = "00" + header.value.substr(2, 53);
        }
    }
    if (traces > 1) request.trace.clear();
    if (request.id.empty()) request.id = worker_.next_request_id();
    request.max_json_depth = worker_.shared.options.max_json_depth;
    request.from_loopback = peer_is_local_;
    request.from_trusted_proxy = peer_is_trusted_;
    if (request.host.empty()) request.host = worker_.shared.address;
    if (peer_is_trusted_) take_forwarded(request, worker_.shared.options.trusted_proxies);
}

/// What speaks against reading the body, as far as the header shows it.
std::optional<Problem> Connection::refusal_of_body() {
    const Shared& shared = worker_.shared;
    if (framing_.content_length > shared.options.max_body_bytes) {
        return Problem{413, "The body is too large.", {}, {}};
    }
    if (!framing_.expects_continue || !shared.hooks.precheck) return std::nullopt;
    return shared.hooks.precheck(exchange_->request);
}

bool Connection::has_body() const {
    return framing_.chunked || framing_.content_length > 0;
}

Awaitable<Connection::Arrival> Connection::read_body() {
    refusal_ = refusal_of_body();
    if (refusal_) co_return Arrival::refused;
    enter(Phase::body, worker_.shared.options.body_timeout);
    if (framing_.expects_continue && buffer_.empty()) {
        const bool written = co_await write(continue_answer);
        if (!written) co_return Arrival::gone;
    }
    if (framing_.chunked) {
        const Arrival arrival = co_await read_chunked_body();
        co_return arrival;
    }
    const Arrival arrival = co_await read_counted_body();
    co_return arrival;
}

/// Reads right into the body what the buffer does not have.
Awaitable<Connection::Arrival> Connection::read_counted_body() {
    std::string& body = exchange_->request.body;
    const auto length = static_cast<std::size_t>(framing_.content_length);
    std::size_t have = std::min(length, buffer_.size());
    body = buffer_.view().substr(0, have);
    buffer_.consume(have);
    while (have < length) {
        if (have == body.size())
            body.resize(std::min(length, std::max(first_body_bytes, 2 * have)));
        const auto free = asio::buffer(body.data() + have, body.size() - have);
        const auto [failed, count] = co_await socket_.async_read_some(free, as_result);
        now_ = std::chrono::steady_clock::now();
        if (failed || timed_out_) co_return cut_off();
        have += count;
    }
    co_return Arrival::complete;
}

Awaitable<Connection::Arrival> Connection::read_chunked_body() {
    using State = ChunkDecoder::State;
    ChunkDecoder decoder(worker_.shared.options.max_body_bytes, max_buffer_bytes);
    buffer_.reserve(body_buffer_bytes);
    for (;;) {
        std::string_view rest = buffer_.view();
        const State state = decoder.put(rest, exchange_->request.body);
        buffer_.consume(buffer_.size() - rest.size());
        switch (state) {
            case State::done:
                co_return Arrival::complete;
            case State::malformed:
                co_return refuse(400, "The body's chunks are malformed.");
            case State::body_too_large:
                co_return refuse(413, "The body is too large.");
            case State::extras_too_large:
                co_return refuse(431, "The body's chunk extensions or trailers are too large.");
            case State::more:
                break;
        }
        const bool filled = co_await fill();
        if (!filled) co_return cut_off();
    }
}

/// Reads something. False if the client is gone or the time is over.
Awaitable<bool> Connection::fill() {
    const auto [failed, count] = co_await socket_.async_read_some(room(), as_result);
    co_return take(failed, count);
}

/// Where the next bytes go.
asio::mutable_buffer Connection::room() {
    const ServerOptions& options = worker_.shared.options;
    // The parser refuses a header that is larger than allowed before the buffer can be full.
    const std::size_t header_bytes = options.max_header_bytes + options.max_target_bytes + 4096;
    const std::span<char> free = buffer_.prepare(std::max(max_buffer_bytes, header_bytes));
    return asio::buffer(free.data(), free.size());
}

bool Connection::take(error_code failed, std::size_t count) {
    now_ = std::chrono::steady_clock::now();
    if (failed) return false;
    buffer_.commit(count);
    return !timed_out_;
}

Connection::Arrival Connection::refuse(int status, std::string message) {
    refusal_ = Problem{status, std::move(message), {}, {}};
    return Arrival::refused;
}

/// What it means when a read in the middle of a request gave nothing.
Connection::Arrival Connection::cut_off() {
    if (!timed_out_ || aborted_) return Arrival::gone;
    return refuse(408, "The request took too long to arrive.");
}

// ---- Answering

void Connection::dispatch() {
    try {
        exchange_->dispatch(worker_.shared.dispatch, exchange_);
    } catch (const std::exception& error) {
        report(error.what());
        exchange_->answer(Problem{500, std::string(internal_error), {}, {}});
    } catch (...) {
        report("a handler threw something that is no std::exception");
        exchange_->answer(Problem{500, std::string(internal_error), {}, {}});
    }
}

Response Connection::take_response() {
    const Request& request = exchange_->request;
    const Shared& shared = worker_.shared;
    Response response;
    if (refusal_) {
        response = render_problem(*refusal_, request.path, wall_clock_ms());
    } else {
        if (exchange_->was_given_up()) report("a handler dropped its request without an answer");
        Answer answer = exchange_->take_answer();
        if (const auto* problem = std::get_if<Problem>(&answer)) {
            response = render_problem(*problem, request.path, wall_clock_ms());
        } else {
            response = std::move(std::get<Response>(answer));
        }
    }
    if (shared.hooks.decorate) shared.hooks.decorate(request, response);
    return response;
}

/// Answers without waiting, as nearly every answer can be; what the socket does not take now, and
/// streams, are pending.
Connection::Outcome Connection::send_now(const Response& response, Unsent& unsent) {
    const bool bare = exchange_->request.method == Method::head || !may_have_body(response.status);
    if (response.stream && !bare) return Outcome::pending;
    const bool keep =
        framing_.keep_alive && !worker_.shared.draining.load(std::memory_order_relaxed);
    const Outcome outcome = keep ? Outcome::keep : Outcome::close;
    std::optional<std::uint64_t> length;
    if (may_have_body(response.status) && !response.stream) length = response.body.size();
    compose_head(response, keep, length);
    std::string& head = worker_.scratch;
    std::string_view body = bare ? std::string_view() : std::string_view(response.body);
    if (body.size() <= copied_body_bytes) {
        head += body;
        body = {};
    }
    const auto written = write_now(head, body);
    if (!written) return Outcome::gone;
    if (*written == head.size() + body.size()) {
        note_answer(response.status);
        return outcome;
    }
    const std::size_t head_written = std::min(*written, head.size());
    unsent.head = head.substr(head_written);
    unsent.body = body.substr(*written - head_written);
    unsent.outcome = outcome;
    return Outcome::pending;
}

Awaitable<Connection::Outcome> Connection::send_rest(Response& response, const Unsent& unsent) {
    if (unsent.outcome == Outcome::pending) {
        const Outcome outcome = co_await send_stream(response);
        co_return outcome;
    }
    const bool sent = co_await write_rest(unsent.head, unsent.body);
    if (!sent) co_return Outcome::gone;
    note_answer(response.status);
    co_return unsent.outcome;
}

/// Makes the head in the worker's scratch.
void Connection::compose_head(
    const Response& response, bool keep, std::optional<std::uint64_t> length
) {
    std::string& id = exchange_->request.id;
    if (id.empty()) id = worker_.next_request_id();  // of a header that never came to its end
    HeadOptions head;
    head.date = worker_.date.now();
    head.request_id = id;
    head.content_length = length;
    head.chunked = response.stream && !framing_.http_1_0;
    if (!keep) {
        head.connection = HeadOptions::Connection::close;
    } else if (framing_.http_1_0) {
        head.connection = HeadOptions::Connection::keep_alive;
    }
    worker_.scratch.clear();
    append_head(worker_.scratch, response, head);
}

/// Writes as much as the socket takes at once; nothing if the client is gone.
std::optional<std::size_t> Connection::write_now(std::string_view head, std::string_view body) {
    error_code failed;
    std::size_t written = 0;
    if (body.empty()) {
        written = socket_.write_some(asio::buffer(head), failed);
    } else {
        const std::array<asio::const_buffer, 2> both{asio::buffer(head), asio::buffer(body)};
        written = socket_.write_some(both, failed);
    }
    if (failed && failed != asio::error::would_block && failed != asio::error::try_again) {
        return std::nullopt;
    }
    return written;
}

Awaitable<bool> Connection::write_rest(std::string_view head, std::string_view body) {
    const Phase before = phase_;
    const std::int64_t deadline_before_ms = deadline_ms_;
    const milliseconds limit = worker_.shared.options.write_timeout;
    now_ = std::chrono::steady_clock::now();
    enter(Phase::write, limit);
    std::size_t timed_bytes = 0;
    while (!head.empty() || !body.empty()) {
        std::string_view& part = head.empty() ? body : head;
        const auto [failed, count] =
            co_await socket_.async_write_some(asio::buffer(part), as_result);
        if (failed) co_return false;
        part.remove_prefix(count);
        timed_bytes += count;
        if (timed_bytes < timed_write_bytes) continue;
        timed_bytes = 0;
        now_ = std::chrono::steady_clock::now();
        enter(Phase::write, limit);
    }
    phase_ = before;
    deadline_ms_ = deadline_before_ms;
    co_return true;
}

Awaitable<bool> Connection::write(std::string_view text) {
    const auto written = write_now(text, {});
    if (!written) co_return false;
    if (*written == text.size()) co_return true;
    text.remove_prefix(*written);
    const bool sent = co_await write_rest(text, std::string_view());
    co_return sent;
}

/// The request is not in flight any more.
void Connection::end_answer() {
    if (std::exchange(answering_, false)) worker_.requests.ended();
}

/// An answer was written, or the head of a stream.
void Connection::note_answer(int status) {
    using namespace std::chrono;
    now_ = steady_clock::now();
    const Request& request = exchange_->request;
    worker_.requests.answered(request.method, request.route, status, now_ - started_);
    const auto& log = worker_.shared.access_log;
    if (!log) return;
    const auto duration = duration_cast<microseconds>(now_ - started_);
    const std::string_view method =
        other_method_.empty() ? name_of(request.method) : std::string_view(other_method_);
    log({method, request.target, status, duration, request.id, request.trace});
}

void Connection::report(std::string_view what) {
    const auto& log = worker_.shared.hooks.error_log;
    if (log) log(exchange_ ? std::string_view(exchange_->request.id) : std::string_view(), what);
}

/// RFC 9112 9.6: closing a socket with unread bytes in it makes the system reset the connection,
/// and the client may lose the answer. So: say that it ends, and read on for a while.
Awaitable<void> Connection::linger() {
    const bool draining = worker_.shared.draining.load(std::memory_order_relaxed);
    now_ = std::chrono::steady_clock::now();
    enter(Phase::linger, draining ? linger_time_draining : linger_time);
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    buffer_.consume(buffer_.size());
    for (std::size_t drained = 0; drained < linger_bytes && !aborted_;) {
        const auto [failed, count] = co_await socket_.async_read_some(room(), as_result);
        if (failed) co_return;
        drained += count;
    }
}

// ---- Streaming

Awaitable<Connection::Outcome> Connection::send_stream(Response& response) {
    const bool keep = framing_.keep_alive && !framing_.http_1_0 &&
                      !worker_.shared.draining.load(std::memory_order_relaxed);
    compose_head(response, keep, std::nullopt);
    const std::string head = worker_.scratch;
    const bool opened = co_await write(head);
    if (!opened) co_return Outcome::gone;
    note_answer(response.status);
    client_gone_ = false;
    heartbeat_due_ = false;
    rung_ = false;
    streaming_ = true;
    response.stream->on_ready([exchange = exchange_] { exchange->wake(); });
    watch();
    const bool ended = co_await pump(*response.stream);
    streaming_ = false;
    error_code ignored;
    if (watching_) socket_.cancel(ignored);
    while (watching_) {
        co_await rung();
    }
    if (!ended || client_gone_ || aborted_) co_return Outcome::gone;
    if (!framing_.http_1_0) {
        const bool closed = co_await write("0\r\n\r\n");
        if (!closed) co_return Outcome::gone;
    }
    now_ = std::chrono::steady_clock::now();
    const bool draining = worker_.shared.draining.load(std::memory_order_relaxed);
    co_return keep && !draining ? Outcome::keep : Outcome::close;
}

/// Sends what the stream has until it ends or the server stops. False if it broke off.
Awaitable<bool> Connection::pump(Stream& stream) {
    const auto heartbeat_ms = worker_.shared.options.heartbeat.count();
    std::int64_t beat_at_ms = Worker::now_ms() + heartbeat_ms;
    std::string frame;
    for (;;) {
        co_await turn();
        if (client_gone_ || aborted_) co_return false;
        if (worker_.shared.draining.load(std::memory_order_relaxed)) co_return true;
        start_frame(frame);
        Stream::State state = Stream::State::more;
        while (state == Stream::State::more && frame.size() < stream_piece_bytes) {
            state = stream.next(frame);
        }
        if (std::exchange(heartbeat_due_, false) && is_empty_frame(frame)) {
            frame += stream.heartbeat();
        }
        if (!is_empty_frame(frame)) {
            const bool sent = co_await write_frame(frame);
            if (!sent) co_return false;
            beat_at_ms = Worker::now_ms() + heartbeat_ms;
        }
        if (state == Stream::State::end) co_return true;
        if (state == Stream::State::more) continue;
        if (frame.capacity() > kept_frame_bytes) frame = std::string();
        phase_ = Phase::stream;
        deadline_ms_ = beat_at_ms;
        co_await rung();
        enter(Phase::answer);
    }
}

/// Sends the frame as a chunk, or as it is to a client of HTTP/1.0.
Awaitable<bool> Connection::write_frame(std::string& frame) {
    std::size_t begin = frame_prefix_bytes;
    if (!framing_.http_1_0) {
        frame.replace(frame_prefix_bytes - 2, 2, "\r\n");
        begin -= 2;
        constexpr std::string_view digits = "0123456789abcdef";
        std::size_t size = frame.size() - frame_prefix_bytes;
        do {
            frame[--begin] = digits[size & 15];
            size >>= 4;
        } while (size != 0);
        frame += "\r\n";
    }
    const bool sent = co_await write(std::string_view(frame).substr(begin));
    co_return sent;
}

/// Reads beside the stream: to see at once when the client goes, and not to lose what it sends.
void Connection::watch() {
    if (buffer_.size() >= max_watched_bytes) return;
    watching_ = true;
    socket_.async_read_some(room(), [this](error_code failed, std::size_t count) {
        watching_ = false;
        buffer_.commit(count);
        if (failed) {
            // Cancelled is what send_stream does at its end.
            client_gone_ = client_gone_ || failed != asio::error::operation_aborted;
        } else if (streaming_) {
            watch();
        }
        ring();
    });
}

}  // namespace bookstore::http
