#include "http/connection.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <variant>

#include "base/clock.hpp"
#include "http/media.hpp"
#include "http/worker.hpp"

namespace bookstore::http {

namespace {

using std::chrono::milliseconds;

/// What is still read of a request that was refused, so that closing does not destroy the answer.
constexpr std::size_t linger_bytes = 4 << 20;
constexpr milliseconds linger_time{2000};
constexpr milliseconds linger_time_draining{300};
/// A connection that was answered, or accepted, so short a time ago when the server stops may have
/// its next request on the way: it is waited for.
constexpr milliseconds last_chance{300};

/// Whether the handler said that the connection is to end; the writer says it to the client.
bool wants_close(Response& response) {
    return std::erase_if(response.headers, [](const Header& header) {
               return header.name == "Connection";
           }) > 0;
}

/// An error, in the form that Accept prefers.
Response rendered(const Problem& problem, const Request& request) {
    Response response =
        render_problem(problem, request.path, SystemClock().now_ms(), problem_form(request));
    response.headers.push_back({"Vary", "Accept"});
    return response;
}

}  // namespace

Connection::Connection(Worker& worker, Socket socket, const Accepted& accepted)
    : worker_(worker),
      door_(accepted.door),
      counted_as_(accepted.counted_as),
      client_(std::move(socket), worker.shared.options, accepted.tls),
      reader_(worker, client_, accepted.door),
      writer_(worker, client_),
      stream_sender_(worker, client_, bell_),
      peer_(client_.peer_text()) {
    const ServerOptions& options = worker_.shared.options;
    if (client_.is_tls()) {
        client_.clock.enter(Phase::handshake, options.header_timeout);
    } else {
        client_.clock.enter(Phase::idle, options.idle_timeout);
    }
}

Connection::~Connection() {
    if (exchange_) {
        exchange_->forget_owner();
    }
}

// ---- The loop

Awaitable<void> Connection::run() {
    try {
        bool begun = true;
        if (client_.is_tls()) {
            const bool shaken = co_await shake_hands();
            begun = shaken;
        }
        if (begun) {
            co_await serve();
        }
    } catch (const std::exception& error) {
        report(error.what());
    }
    client_.close();
    if (stream_sender_.is_watching()) {
        co_await stream_sender_.stop_watching();
    }
}

/// False if the connection is over. Who is refused may read why; who speaks without TLS is served
/// on, for the reader to refuse.
Awaitable<bool> Connection::shake_hands() {
    HandshakeStats& counts = worker_.handshakes;
    TlsSession::Step step{TlsSession::State::wants_read};
    bool begun = false;
    while (step.state != TlsSession::State::done) {
        const auto [failed] = co_await client_.until_able(step.state);
        if (failed) {
            counts.failed.add();
            co_return false;
        }
        client_.clock.tick();
        if (!std::exchange(begun, true) && client_.speaks_plainly()) {
            counts.plain.add();
            client_.give_up_tls();
            reader_.refuse_for_want_of_tls();
            co_return true;
        }
        co_await worker_.handshake_turn();
        if (!client_.is_open()) {
            counts.failed.add();
            co_return false;
        }
        step = client_.shake_hands();
        if (step.state == TlsSession::State::failed || step.state == TlsSession::State::ended) {
            counts.failed.add();
            client_.give_up_tls();
            co_await linger();
            co_return false;
        }
    }
    (client_.tls().is_resumed() ? counts.resumed : counts.full).add();
    client_.clock.tick();
    co_return true;
}

Awaitable<void> Connection::serve() {
    using Arrival = RequestReader::Arrival;
    Next next = Next::request;
    while (next == Next::request) {
        renew_exchange();
        Arrival arrival = co_await reader_.read_head(exchange_->request, idle_limit());
        if (arrival == Arrival::complete) {
            arrival = admit();
        }
        if (arrival == Arrival::complete && reader_.has_body()) {
            const Arrival body = co_await reader_.read_body(exchange_->request);
            arrival = body;
        }
        sent_before_ = client_.sent_bytes();
        if (arrival == Arrival::gone) {
            dismiss();
            co_return;
        }
        client_.clock.enter(Phase::answer);
        in_flight_.begin(worker_.requests, client_.clock.now());
        if (arrival == Arrival::complete) {
            dispatch();
            waited_ = !exchange_->is_answered();
            while (!exchange_->is_answered() && !client_.is_aborted()) {
                co_await bell_.rung();
            }
        }
        if (client_.is_aborted()) {
            co_return;
        }
        Response response = take_response();
        const Terms terms = answer_terms(response);
        next = send_now(response, terms);
        if (next == Next::send_rest) {
            const Next later = co_await send_rest(response, terms);
            next = later;
        }
        if (next == Next::gone && !response.stream) {
            note_answer(client_gone_status);
        }
        in_flight_.end();
        if (next == Next::request && !client_.received.empty()) {
            // Its next request is here already. Others first: a buffer full of requests would keep
            // the thread for long.
            co_await worker_.turn();
            if (client_.is_aborted()) {
                co_return;
            }
        }
    }
    if (next == Next::close) {
        co_await linger();
    }
}

milliseconds Connection::idle_limit() const {
    const milliseconds limit = worker_.shared.options.idle_timeout;
    return worker_.is_draining() ? std::min(last_chance, limit) : limit;
}

/// One for the next request: the last one's, unless somebody still holds that.
void Connection::renew_exchange() {
    if (!exchange_ || exchange_->is_shared()) {
        if (exchange_) {
            exchange_->forget_owner();
        }
        exchange_ = ExchangeRef(new Exchange(worker_.mailbox(), *this));
    } else {
        exchange_->reset();
    }
    bell_.silence();
}

/// RFC 9112 9.6: closing a socket with unread bytes in it makes the system reset the connection,
/// and the client may lose the answer. So: say that it ends, and read on for a while.
Awaitable<void> Connection::linger() {
    client_.clock.tick();
    client_.clock.enter(Phase::linger, worker_.is_draining() ? linger_time_draining : linger_time);
    client_.end_writing();
    client_.received.consume(client_.received.size());
    for (std::size_t drained = 0; drained < linger_bytes && !client_.is_aborted();) {
        const auto [failed, count] = co_await client_.read_some();
        if (failed) {
            co_return;
        }
        drained += count;
    }
}

// ---- What comes from outside of the loop

void Connection::sweep(PhaseClock::Time now) {
    if (!client_.clock.is_over(now)) {
        reader_.release_idle_buffer(now);
        return;
    }
    client_.clock.expire();
    switch (client_.clock.phase()) {
        case Phase::handshake:
        case Phase::idle:
        case Phase::write:
        case Phase::linger:
            client_.close();
            break;
        case Phase::header:
        case Phase::body:
            reader_.time_out();
            break;
        case Phase::stream:
            stream_sender_.beat();
            break;
        case Phase::answer:
            break;
    }
}

void Connection::drain() {
    PhaseClock& clock = client_.clock;
    if (stream_sender_.is_sending()) {
        // The server's end does not wait for a slow reader.
        if (clock.phase() == Phase::write) {
            client_.close();
        }
        bell_.ring();
        return;
    }
    const PhaseClock::Time now = PhaseClock::Clock::now();
    if (clock.phase() == Phase::idle) {
        // What was sent before is still answered.
        if (!client_.received.empty() || client_.has_more()) {
            return;
        }
        clock.shorten(clock.entered() + last_chance);
        if (clock.is_over(now)) {
            client_.close();
        }
    } else if (clock.phase() == Phase::handshake) {
        clock.shorten(now + last_chance);
    } else if (clock.phase() == Phase::linger) {
        clock.shorten(now + linger_time_draining);
    }
}

void Connection::abort() {
    client_.abort();
    bell_.ring();
}

/// The answer is there, or the stream has more.
void Connection::ring() {
    bell_.ring();
}

// ---- Asking for an answer

/// Before the body is read: so who asks too often costs no more than his header.
RequestReader::Arrival Connection::admit() {
    const auto& hook = worker_.shared.hooks.admit;
    if (!hook) {
        return RequestReader::Arrival::complete;
    }
    auto problem = hook(exchange_->request);
    return problem ? reader_.refuse(std::move(*problem)) : RequestReader::Arrival::complete;
}

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
    Response response;
    if (const auto& unreadable = reader_.problem()) {
        response = rendered(*unreadable, request);
    } else {
        if (exchange_->was_given_up()) {
            report("a handler dropped its request without an answer");
        }
        Answer answer = exchange_->take_answer();
        if (const auto* problem = std::get_if<Problem>(&answer)) {
            response = rendered(*problem, request);
        } else {
            response = std::move(std::get<Response>(answer));
            if (request.negotiated) {
                response.headers.push_back({"Vary", "Accept"});
            }
        }
    }
    const auto& decorate = worker_.shared.hooks.decorate;
    if (decorate) {
        decorate(request, response);
    }
    return response;
}

// ---- Sending it

Connection::Terms Connection::answer_terms(Response& response) {
    Request& request = exchange_->request;
    // The header was not read to its end.
    if (request.id.empty()) {
        request.id = worker_.next_request_id();
    }
    const RequestReader::Framing& framing = reader_.framing();
    const bool close = wants_close(response) || worker_.is_draining();
    return {
        .request_id = request.id,
        .http_1_0 = framing.http_1_0,
        .keep_alive = framing.keep_alive && !close,
        .without_body = request.method == Method::head
    };
}

/// Sends the answer without waiting, or leaves it to send_rest().
Connection::Next Connection::send_now(const Response& response, const Terms& terms) {
    if (ResponseWriter::is_streamed(response, terms)) {
        return Next::send_rest;
    }
    const ResponseWriter::Progress progress = writer_.send_now(response, terms);
    if (progress == ResponseWriter::Progress::gone) {
        return Next::gone;
    }
    if (progress == ResponseWriter::Progress::unsent) {
        return Next::send_rest;
    }
    // It was away while a handler had its request: the answer was taken by the system alone.
    if (waited_ && client_.is_reset()) {
        return Next::gone;
    }
    note_answer(response.status);
    return terms.keep_alive ? Next::request : Next::close;
}

Awaitable<Connection::Next> Connection::send_rest(Response& response, Terms terms) {
    if (ResponseWriter::is_streamed(response, terms)) {
        const Next next = co_await send_stream(response, terms);
        co_return next;
    }
    const bool sent = co_await writer_.send_rest();
    if (!sent) {
        co_return Next::gone;
    }
    note_answer(response.status);
    co_return terms.keep_alive ? Next::request : Next::close;
}

Awaitable<Connection::Next> Connection::send_stream(Response& response, Terms terms) {
    terms.keep_alive =
        terms.keep_alive && !terms.http_1_0;  // a stream to HTTP/1.0 ends with the connection
    const std::string head = writer_.head_of_stream(response, terms);
    const bool opened = co_await client_.write(head);
    if (!opened) {
        note_answer(client_gone_status);
        co_return Next::gone;
    }
    client_.clock.tick();
    count_answer(response.status);
    response.stream->on_ready([exchange = exchange_] { exchange->wake(); });
    // However it ends: that clients leave is what streams are like.
    const struct Logged {
        Connection& connection;
        int status;
        ~Logged() {
            connection.client_.clock.tick();
            connection.log_answer(status);
        }
    } logged{*this, response.status};
    const bool ended = co_await stream_sender_.send(*response.stream, !terms.http_1_0);
    if (!ended) {
        co_return Next::gone;
    }
    co_return terms.keep_alive && !worker_.is_draining() ? Next::request : Next::close;
}

/// The client went while its request was read, or before it sent one: then there is nothing to say.
void Connection::dismiss() {
    if (!reader_.has_begun_request() || client_.is_aborted()) {
        return;
    }
    in_flight_.begin(worker_.requests, client_.clock.now());
    note_answer(client_gone_status);
    in_flight_.end();
}

/// An answer was written, or could not be.
void Connection::note_answer(int status) {
    client_.clock.tick();
    count_answer(status);
    log_answer(status);
}

void Connection::count_answer(int status) {
    const Request& request = exchange_->request;
    const auto duration = client_.clock.now() - in_flight_.began();
    worker_.requests.answered(request.method, request.route, status, duration);
}

void Connection::log_answer(int status) {
    using namespace std::chrono;
    const auto& log = worker_.shared.access_log;
    if (!log) {
        return;
    }
    const Request& request = exchange_->request;
    const std::string_view other = reader_.other_method();
    std::string_view method = other.empty() ? name_of(request.method) : other;
    std::string_view target = request.target;
    if (target.empty()) {
        method = "-";
        target = "-";
    }
    log({
        .method = method,
        .target = target,
        .status = status,
        .duration = duration_cast<microseconds>(client_.clock.now() - in_flight_.began()),
        .peer = peer_,
        .sent_bytes = client_.sent_bytes() - sent_before_,
        .request_id = request.id,
        .trace = request.trace,
        .request = &request,
    });
}

void Connection::report(std::string_view what) {
    const auto& log = worker_.shared.hooks.error_log;
    if (log) {
        log(exchange_ ? std::string_view(exchange_->request.id) : std::string_view(), what);
    }
}

}  // namespace bookstore::http
