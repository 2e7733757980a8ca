#include "http/request_reader.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "http/chunked.hpp"
#include "http/forwarded.hpp"
#include "http/text.hpp"
#include "http/worker.hpp"

namespace bookstore::http {

namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

/// Of a chunked body, extensions and trailers together: the contract's 64 KiB.
constexpr std::size_t max_chunk_extras = 64 << 10;
constexpr std::size_t body_buffer_bytes = 16 << 10;
/// A body is given memory as it comes, not as it is announced.
constexpr std::size_t first_body_bytes = 64 << 10;
/// After that time an idle connection gives its buffer back.
constexpr milliseconds idle_buffer_time{2000};

/// With it a client that speaks TLS begins, and no request does.
constexpr char tls_begin = '\x16';

constexpr std::string_view continue_answer = "HTTP/1.1 100 Continue\r\n\r\n";

Problem problem_of(ChunkDecoder::State state) {
    switch (state) {
        case ChunkDecoder::State::body_too_large:
            return {413, "The body is too large.", {}, {}};
        case ChunkDecoder::State::extras_too_large:
            return {431, "The body's chunk extensions or trailers are too large.", {}, {}};
        default:
            return {400, "The body's chunks are malformed.", {}, {}};
    }
}

/// The client's request id and trace, where they are fit to be repeated.
void take_ids(Request& request) {
    unsigned traces = 0;
    for (const Header& header : request.headers) {
        if (header.name.size() == 12 && equal_ignoring_case(header.name, "x-request-id")) {
            if (request.id.empty() && is_sane_request_id(header.value)) {
                request.id = header.value;
            }
        } else if (header.name.size() == 11 && equal_ignoring_case(header.name, "traceparent")) {
            ++traces;
            if (is_traceparent(header.value)) {
                request.trace = "00" + header.value.substr(2, 53);
            }
        }
    }
    if (traces > 1) {
        request.trace.clear();
    }
}

}  // namespace

RequestReader::RequestReader(Worker& worker, ClientSocket& client, Door door)
    : worker_(worker),
      client_(client),
      sender_(look_at(client, worker.shared.options)),
      door_(door) {}

RequestReader::Sender RequestReader::look_at(
    const ClientSocket& client, const ServerOptions& options
) {
    const auto address = client.peer_address();
    if (!address) {
        return {.is_trusted = client.is_unix() && options.trusts_unix_peers};
    }
    return {
        .is_local = is_loopback(*address),
        .is_trusted = contains(options.trusted_proxies, *address),
        .address = *address,
        .reached_at = client.own_address().value_or(IpAddress{})
    };
}

// ---- The header

Awaitable<RequestReader::Arrival> RequestReader::read_head(
    Request& request, milliseconds idle_limit
) {
    begin();
    const ServerOptions& options = worker_.shared.options;
    client_.clock.enter(Phase::idle, idle_limit);
    while (!has_begun()) {
        const auto [failed, count] = co_await client_.read_some();
        if (take(failed, count)) {
            continue;
        }
        if (interrupt_ != Interrupt::release_buffer || !client_.received.empty()) {
            co_return Arrival::gone;
        }
        interrupt_ = Interrupt::none;
        client_.received.release();
        const auto [closed] = co_await client_.until_readable();
        if (closed) {
            co_return Arrival::gone;
        }
    }
    if (!client_.is_tls() && client_.received.view().front() == tls_begin) {
        worker_.notice_tls(client_.peer_text());
        co_return Arrival::gone;
    }
    begun_ = true;
    client_.clock.enter(Phase::header, options.header_timeout);
    // Until it is known what it is, it is no GET.
    request.method = Method::other;
    RequestParser parser(request, {options.max_header_bytes, options.max_target_bytes});
    for (;;) {
        std::string_view unread = client_.received.view();
        const RequestParser::State state = parser.put(unread);
        client_.received.consume(client_.received.size() - unread.size());
        if (state != RequestParser::State::more) {
            co_return conclude(request, parser, state);
        }
        const auto [failed, count] = co_await client_.read_some();
        if (!take(failed, count)) {
            co_return cut_off();
        }
    }
}

/// Forgets the last request.
void RequestReader::begin() {
    framing_ = Framing{};
    problem_.reset();
    begun_ = false;
    if (!other_method_.empty()) {
        other_method_.clear();
    }
    interrupt_ = Interrupt::none;
    client_.received.shrink();
}

/// Whether there is something of a request in the buffer. RFC 9112 2.2: a line break before it,
/// which old clients send after a body, is skipped.
bool RequestReader::has_begun() {
    ReadBuffer& received = client_.received;
    while (received.view().starts_with("\r\n")) {
        received.consume(2);
    }
    return !received.empty() && received.view() != "\r";
}

/// False if the client is gone or the time is over.
bool RequestReader::take(error_code failed, std::size_t count) {
    client_.clock.tick();
    if (failed) {
        return false;
    }
    client_.received.commit(count);
    return interrupt_ != Interrupt::timed_out;
}

RequestReader::Arrival RequestReader::conclude(
    Request& request, RequestParser& parser, RequestParser::State state
) {
    if (request.method == Method::other) {
        other_method_ = parser.method_name();
    }
    complete_header(request);
    if (state == RequestParser::State::failed) {
        return fail(std::move(parser.problem()));
    }
    if (wants_tls_) {
        return fail({400, "Plain HTTP came to a port that speaks https alone.", {}, {}});
    }
    framing_.http_1_0 = parser.is_http_1_0();
    framing_.keep_alive = parser.keep_alive();
    framing_.chunked = parser.is_chunked();
    framing_.expects_continue = parser.expects_continue();
    framing_.content_length = parser.content_length();
    return Arrival::complete;
}

/// Fills in what the server adds to a request.
void RequestReader::complete_header(Request& request) {
    const Shared& shared = worker_.shared;
    take_ids(request);
    if (request.id.empty()) {
        request.id = worker_.next_request_id();
    }
    request.max_json_depth = shared.options.max_json_depth;
    request.door = door_;
    if (client_.is_tls()) {
        request.scheme = "https";
    }
    request.from_loopback = sender_.is_local;
    request.from_trusted_proxy = sender_.is_trusted;
    request.client = sender_.address;
    request.reached_at = sender_.reached_at;
    if (request.host.empty()) {
        request.host = client_.own_text();  // HTTP/1.0 may have none
    }
    if (sender_.is_trusted) {
        take_forwarded(request, shared.options.trusted_proxies, shared.options.proxy_headers);
    }
}

// ---- The body

Awaitable<RequestReader::Arrival> RequestReader::read_body(Request& request) {
    auto problem = body_problem(request);
    if (problem) {
        co_return fail(std::move(*problem));
    }
    client_.clock.enter(Phase::body, worker_.shared.options.body_timeout);
    if (framing_.expects_continue && client_.received.empty()) {
        const bool written = co_await client_.write(continue_answer);
        if (!written) {
            co_return Arrival::gone;
        }
    }
    if (framing_.chunked) {
        const Arrival arrival = co_await read_chunked_body(request.body);
        co_return arrival;
    }
    const Arrival arrival = co_await read_counted_body(request.body);
    co_return arrival;
}

/// What speaks against reading the body, as far as the header shows it.
std::optional<Problem> RequestReader::body_problem(Request& request) {
    const Shared& shared = worker_.shared;
    if (framing_.content_length > shared.options.max_body_bytes) {
        return Problem{413, "The body is too large.", {}, {}};
    }
    const bool here = !framing_.chunked && framing_.content_length <= client_.received.size();
    const bool judges = framing_.expects_continue || (shared.hooks.precheck_bodies && !here);
    if (!judges || !shared.hooks.precheck) {
        return std::nullopt;
    }
    return shared.hooks.precheck(request);
}

/// Reads right into the body what the buffer does not have.
Awaitable<RequestReader::Arrival> RequestReader::read_counted_body(std::string& body) {
    ReadBuffer& received = client_.received;
    const auto length = static_cast<std::size_t>(framing_.content_length);
    std::size_t have = std::min(length, received.size());
    body = received.view().substr(0, have);
    received.consume(have);
    while (have < length) {
        if (have == body.size()) {
            body.resize(std::min(length, std::max(first_body_bytes, 2 * have)));
        }
        const auto free = asio::buffer(body.data() + have, body.size() - have);
        const auto [failed, count] = co_await client_.read_some_into(free);
        client_.clock.tick();
        if (failed || interrupt_ == Interrupt::timed_out) {
            co_return cut_off();
        }
        have += count;
    }
    co_return Arrival::complete;
}

Awaitable<RequestReader::Arrival> RequestReader::read_chunked_body(std::string& body) {
    using State = ChunkDecoder::State;
    ReadBuffer& received = client_.received;
    ChunkDecoder decoder(worker_.shared.options.max_body_bytes, max_chunk_extras);
    received.reserve(body_buffer_bytes);
    for (;;) {
        std::string_view unread = received.view();
        const State state = decoder.put(unread, body);
        received.consume(received.size() - unread.size());
        if (state == State::done) {
            co_return Arrival::complete;
        }
        if (state != State::more) {
            co_return fail(problem_of(state));
        }
        const auto [failed, count] = co_await client_.read_some();
        if (!take(failed, count)) {
            co_return cut_off();
        }
    }
}

// ---- Refusing

RequestReader::Arrival RequestReader::fail(Problem problem) {
    problem_ = std::move(problem);
    framing_.keep_alive = false;
    return Arrival::failed;
}

RequestReader::Arrival RequestReader::refuse(Problem problem) {
    ReadBuffer& received = client_.received;
    if (framing_.chunked || framing_.content_length > received.size()) {
        return fail(std::move(problem));
    }
    received.consume(static_cast<std::size_t>(framing_.content_length));
    problem_ = std::move(problem);
    return Arrival::failed;
}

/// How a request ends of which no more can be read: failed by its time, or gone with its client.
RequestReader::Arrival RequestReader::cut_off() {
    if (interrupt_ != Interrupt::timed_out || client_.is_aborted()) {
        return Arrival::gone;
    }
    return fail({408, "The request took too long to arrive.", {}, {}});
}

// ---- Cutting a read short

void RequestReader::time_out() {
    interrupt_ = Interrupt::timed_out;
    client_.cancel();
}

void RequestReader::release_idle_buffer(PhaseClock::Time now) {
    const PhaseClock& clock = client_.clock;
    const bool idle = clock.phase() == Phase::idle && now - clock.entered() > idle_buffer_time;
    const ReadBuffer& received = client_.received;
    if (!idle || !received.has_memory() || !received.empty()) {
        return;
    }
    if (interrupt_ == Interrupt::release_buffer) {
        return;
    }
    interrupt_ = Interrupt::release_buffer;
    client_.cancel();
}

}  // namespace bookstore::http
