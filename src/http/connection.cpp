#include "http/connection.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <variant>

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

std::int64_t wall_clock_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

Connection::Connection(Worker& worker, Socket socket)
    : worker_(worker),
      client_(std::move(socket), worker.shared.options),
      reader_(worker, client_),
      writer_(worker, client_),
      stream_sender_(worker, client_, bell_) {
    client_.clock.enter(Phase::idle, worker_.shared.options.idle_timeout);
}

Connection::~Connection() {
    if (exchange_) {
        exchange_->forget_owner();
    }
}

// ---- The loop

Awaitable<void> Connection::run() {
    try {
        co_await serve();
    } catch (const std::exception& error) {
        report(error.what());
    }
    client_.close();
    if (stream_sender_.is_watching()) {
        co_await stream_sender_.stop_watching();
    }
}

Awaitable<void> Connection::serve() {
    using Arrival = RequestReader::Arrival;
    Next next = Next::request;
    while (next == Next::request) {
        renew_exchange();
        Arrival arrival = co_await reader_.read_head(exchange_->request, idle_limit());
        if (arrival == Arrival::complete && reader_.has_body()) {
            const Arrival body = co_await reader_.read_body(exchange_->request);
            arrival = body;
        }
        if (arrival == Arrival::gone) {
            co_return;
        }
        client_.clock.enter(Phase::answer);
        in_flight_.begin(worker_.requests, client_.clock.now());
        if (arrival == Arrival::complete) {
            dispatch();
            while (!exchange_->is_answered() && !client_.is_aborted()) {
                co_await bell_.rung();
            }
        }
        if (client_.is_aborted()) {
            co_return;
        }
        Response response = take_response();
        const Terms terms = answer_terms();
        next = send_now(response, terms);
        if (next == Next::send_rest) {
            const Next later = co_await send_rest(response, terms);
            next = later;
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
        response = render_problem(*unreadable, request.path, wall_clock_ms());
    } else {
        if (exchange_->was_given_up()) {
            report("a handler dropped its request without an answer");
        }
        Answer answer = exchange_->take_answer();
        if (const auto* problem = std::get_if<Problem>(&answer)) {
            response = render_problem(*problem, request.path, wall_clock_ms());
        } else {
            response = std::move(std::get<Response>(answer));
        }
    }
    const auto& decorate = worker_.shared.hooks.decorate;
    if (decorate) {
        decorate(request, response);
    }
    return response;
}

// ---- Sending it

Connection::Terms Connection::answer_terms() {
    Request& request = exchange_->request;
    // The header was not read to its end.
    if (request.id.empty()) {
        request.id = worker_.next_request_id();
    }
    const RequestReader::Framing& framing = reader_.framing();
    return {
        .request_id = request.id,
        .http_1_0 = framing.http_1_0,
        .keep_alive = framing.keep_alive && !worker_.is_draining(),
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
        co_return Next::gone;
    }
    note_answer(response.status);
    response.stream->on_ready([exchange = exchange_] { exchange->wake(); });
    const bool ended = co_await stream_sender_.send(*response.stream, !terms.http_1_0);
    if (!ended) {
        co_return Next::gone;
    }
    client_.clock.tick();
    co_return terms.keep_alive && !worker_.is_draining() ? Next::request : Next::close;
}

/// An answer was written, or the head of a stream.
void Connection::note_answer(int status) {
    using namespace std::chrono;
    client_.clock.tick();
    const auto duration = client_.clock.now() - in_flight_.began();
    const Request& request = exchange_->request;
    worker_.requests.answered(request.method, request.route, status, duration);
    const auto& log = worker_.shared.access_log;
    if (!log) {
        return;
    }
    const std::string_view other = reader_.other_method();
    const std::string_view method = other.empty() ? name_of(request.method) : other;
    const auto rounded = duration_cast<microseconds>(duration);
    log({method, request.target, status, rounded, request.id, request.trace});
}

void Connection::report(std::string_view what) {
    const auto& log = worker_.shared.hooks.error_log;
    if (log) {
        log(exchange_ ? std::string_view(exchange_->request.id) : std::string_view(), what);
    }
}

}  // namespace bookstore::http
