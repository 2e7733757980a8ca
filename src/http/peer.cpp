#include "http/peer.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "http/kept_connections.hpp"
#include "http/response_parser.hpp"
#include "http/text.hpp"

namespace bookstore::http {

namespace asio = boost::asio;

namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t piece_bytes = 4 << 10;

bool may_be_repeated(const PeerRequest& request) {
    const auto is_key = [](const Header& header) {
        return equal_ignoring_case(header.name, "Idempotency-Key") && !header.value.empty();
    };
    return request.method == Method::get || std::ranges::any_of(request.headers, is_key);
}

std::string text_of(const PeerRequest& request, const std::string& authority) {
    std::string text = fmt::format(
        "{} {} HTTP/1.1\r\nHost: {}\r\n", name_of(request.method), request.target, authority
    );
    for (const Header& header : request.headers) {
        text += fmt::format("{}: {}\r\n", header.name, header.value);
    }
    if (request.method != Method::get) {
        text += fmt::format("Content-Length: {}\r\n", request.body.size());
    }
    text += "\r\n";
    return text + request.body;
}

}  // namespace

struct Peer::Impl {
    explicit Impl(PeerOptions o);

    void run();

    const PeerOptions options;
    const std::string authority;
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> repeated{0};
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    // Of the thread alone.
    tcp::resolver resolver{io};
    KeptConnections kept{io, options.idle_timeout};
    std::thread thread;
};

Peer::Impl::Impl(PeerOptions o)
    : options(std::move(o)), authority(authority_of(options.origin)), thread([this] { run(); }) {}

void Peer::Impl::run() {
    pthread_setname_np(pthread_self(), "peer");
    for (;;) {
        try {
            io.run();
            return;
        } catch (const std::exception& error) {
            if (options.error_log) {
                options.error_log(error.what());
            }
        }
    }
}

/// One exchange, kept alive by the handlers of what it waits for. All on the peer's thread.
class Peer::Call : public std::enable_shared_from_this<Call> {
  public:
    Call(Impl& impl, PeerRequest request, Done done)
        : impl_(impl),
          timeout_(request.timeout),
          repeatable_(may_be_repeated(request)),
          text_(text_of(request, impl.authority)),
          done_(std::move(done)),
          timer_(impl.io),
          socket_(impl.io) {}

    void start() {
        timer_.expires_after(timeout_);
        timer_.async_wait([self = shared_from_this()](error_code ec) {
            if (!ec) {
                self->fail(fmt::format("no answer within {} ms", self->timeout_.count()));
            }
        });
        if (auto kept = impl_.kept.take()) {
            socket_ = std::move(kept->socket);
            tls_ = std::move(kept->tls);
            was_kept_ = true;
            write();
        } else {
            connect();
        }
    }

  private:
    bool is_over() const { return !done_; }

    void connect() {
        const Url& origin = impl_.options.origin;
        error_code ec;
        const auto address = asio::ip::make_address(origin.host, ec);
        if (!ec) {
            const auto port = static_cast<std::uint16_t>(std::stoul(origin.port));
            socket_.async_connect(
                tcp::endpoint(address, port),
                [self = shared_from_this()](error_code failed) { self->connected(failed); }
            );
            return;
        }
        impl_.resolver.async_resolve(
            origin.host,
            origin.port,
            [self =
                 shared_from_this()](error_code failed, const tcp::resolver::results_type& found) {
                if (self->is_over()) {
                    return;
                }
                if (failed) {
                    self->fail(fmt::format("cannot resolve: {}", failed.message()));
                    return;
                }
                asio::async_connect(
                    self->socket_,
                    found,
                    [self](error_code refused, const tcp::endpoint&) { self->connected(refused); }
                );
            }
        );
    }

    void connected(error_code ec) {
        if (is_over()) {
            return;
        }
        if (ec) {
            fail(fmt::format("cannot connect: {}", ec.message()));
            return;
        }
        impl_.connections.fetch_add(1, std::memory_order_relaxed);
        socket_.set_option(tcp::no_delay(true), ec);
        if (!impl_.options.origin.is_tls) {
            write();
            return;
        }
        socket_.non_blocking(true, ec);
        try {
            tls_ = std::make_unique<TlsSession>(
                impl_.options.tls, socket_.native_handle(), impl_.options.origin.host
            );
        } catch (const std::exception& error) {
            fail(fmt::format("cannot speak TLS: {}", error.what()));
            return;
        }
        shake_hands();
    }

    void shake_hands() {
        const TlsSession::Step step = tls_->shake_hands();
        if (step.state == TlsSession::State::done) {
            write();
        } else if (!waits(step, &Call::shake_hands)) {
            fail(fmt::format("cannot speak TLS: {}", tls_->problem()));
        }
    }

    /// Whether it goes on with `next` when the socket can do what TLS wants; else it is over.
    bool waits(const TlsSession::Step& step, void (Call::*next)()) {
        using State = TlsSession::State;
        if (step.state != State::wants_read && step.state != State::wants_write) {
            return false;
        }
        socket_.async_wait(
            step.state == State::wants_read ? tcp::socket::wait_read : tcp::socket::wait_write,
            [self = shared_from_this(), next](error_code ec) {
                if (self->is_over()) {
                    return;
                }
                if (ec) {
                    self->broken(fmt::format("cannot wait: {}", ec.message()));
                } else {
                    (self.get()->*next)();
                }
            }
        );
        return true;
    }

    void write_tls() {
        while (!unsent_.empty()) {
            const TlsSession::Step step = tls_->write(unsent_);
            if (step.state == TlsSession::State::done) {
                unsent_.remove_prefix(step.bytes);
            } else if (waits(step, &Call::write_tls)) {
                return;
            } else {
                broken(fmt::format("cannot write: {}", tls_->problem()));
                return;
            }
        }
        read();
    }

    void read_tls() {
        const std::size_t before = received_.size();
        received_.resize(before + piece_bytes);
        const TlsSession::Step step = tls_->read({received_.data() + before, piece_bytes});
        received_.resize(before + step.bytes);
        heard_ = heard_ || step.bytes > 0;
        if (step.state == TlsSession::State::done) {
            take();
        } else if (step.state == TlsSession::State::ended) {
            ended();
        } else if (!waits(step, &Call::read_tls)) {
            broken(fmt::format("cannot read: {}", tls_->problem()));
        }
    }

    void write() {
        parser_.emplace(ResponseLimits{impl_.options.max_header_bytes, impl_.options.max_body_bytes}
        );
        if (tls_) {
            unsent_ = text_;
            write_tls();
            return;
        }
        asio::async_write(
            socket_,
            asio::buffer(text_),
            [self = shared_from_this()](error_code ec, std::size_t) {
                if (self->is_over()) {
                    return;
                }
                if (ec) {
                    self->broken(fmt::format("cannot write: {}", ec.message()));
                } else {
                    self->read();
                }
            }
        );
    }

    void read() {
        if (tls_) {
            read_tls();
            return;
        }
        const std::size_t before = received_.size();
        received_.resize(before + piece_bytes);
        socket_.async_read_some(
            asio::buffer(received_.data() + before, piece_bytes),
            [self = shared_from_this(), before](error_code ec, std::size_t count) {
                if (self->is_over()) {
                    return;
                }
                self->received_.resize(before + count);
                self->heard_ = self->heard_ || count > 0;
                if (ec == asio::error::eof) {
                    self->ended();
                } else if (ec) {
                    self->broken(fmt::format("cannot read: {}", ec.message()));
                } else {
                    self->take();
                }
            }
        );
    }

    void take() {
        switch (parser_->put(received_)) {
            case ResponseParser::State::more:
                read();
                return;
            case ResponseParser::State::done:
                succeed();
                return;
            case ResponseParser::State::failed:
                fail(parser_->error());
                return;
        }
    }

    /// The server sends no more.
    void ended() {
        if (parser_->ends_with_connection()) {
            succeed();
        } else {
            broken("the connection ended before the answer did");
        }
    }

    void broken(std::string why) {
        const bool again = was_kept_ && !heard_ && repeatable_;
        if (!again) {
            fail(std::move(why));
            return;
        }
        // The server closed the connection while the request was on its way.
        impl_.repeated.fetch_add(1, std::memory_order_relaxed);
        was_kept_ = false;
        received_.clear();
        error_code ignored;
        tls_.reset();
        socket_.close(ignored);
        socket_ = tcp::socket(impl_.io);
        connect();
    }

    void succeed() {
        // Bytes after the answer would be taken for the answer to the next request.
        const bool reusable = parser_->keeps_connection() && received_.empty();
        if (reusable) {
            impl_.kept.keep({std::move(socket_), std::move(tls_)});
        }
        end(std::move(parser_->response()));
    }

    void fail(std::string why) { end(std::unexpected(std::move(why))); }

    void end(std::expected<ClientResponse, std::string> result) {
        if (is_over()) {
            return;
        }
        const Done done = std::exchange(done_, nullptr);
        timer_.cancel();
        error_code ignored;
        if (tls_) {
            tls_->end_writing();
            tls_->forget_socket();
        }
        socket_.close(ignored);
        done(std::move(result));
    }

    Impl& impl_;
    const std::chrono::milliseconds timeout_;
    const bool repeatable_;
    const std::string text_;
    Done done_;
    asio::steady_timer timer_;
    tcp::socket socket_;
    std::unique_ptr<TlsSession> tls_;
    std::string_view unsent_;  ///< of text_
    bool was_kept_ = false;
    bool heard_ = false;  ///< something of an answer came
    std::string received_;
    std::optional<ResponseParser> parser_;
};

Peer::Peer(PeerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Peer::~Peer() {
    impl_->io.stop();
    impl_->thread.join();
}

void Peer::send(PeerRequest request, Done done) {
    auto call = std::make_shared<Call>(*impl_, std::move(request), std::move(done));
    asio::post(impl_->io, [call = std::move(call)] { call->start(); });
}

Peer::Counts Peer::counts() const {
    return {
        .connections = impl_->connections.load(std::memory_order_relaxed),
        .repeated = impl_->repeated.load(std::memory_order_relaxed)
    };
}

Url parse_origin(std::string_view url) {
    const auto bad = [&](std::string_view why) {
        return std::invalid_argument(fmt::format(
            "\"{}\" {}; it wants http://HOST[:PORT] or https://HOST[:PORT], as "
            "http://127.0.0.1:8081",
            url,
            why
        ));
    };
    const auto scheme_end = url.find("://");
    const auto rest = scheme_end == url.npos ? std::string_view() : url.substr(scheme_end + 3);
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    if (authority.find('@') != authority.npos) {
        throw bad("has a user in it");
    }
    Url origin;
    try {
        origin = parse_url(url);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(fmt::format(
            "{}; it wants http://HOST[:PORT] or https://HOST[:PORT], as http://127.0.0.1:8081",
            error.what()
        ));
    }
    if (origin.is_unix()) {
        throw bad("is a unix socket, at which no process asks another");
    }
    if (origin.target != "/" || rest.find_first_of("?#") != rest.npos) {
        throw bad("has something behind the host and port");
    }
    if (std::stoul(origin.port) == 0) {
        throw bad("has the port 0");
    }
    return origin;
}

}  // namespace bookstore::http
