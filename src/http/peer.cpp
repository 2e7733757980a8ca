#include "http/peer.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cerrno>
#include <limits>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "http/chunked.hpp"
#include "http/text.hpp"

namespace bookstore::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using HeaderParser = beast::http::response_parser<beast::http::empty_body>;

constexpr std::size_t piece_bytes = 4 << 10;
constexpr std::size_t max_chunk_extras = 4 << 10;

struct Kept {
    tcp::socket socket;
    SteadyClock::time_point until;
};

/// Whether the server has said nothing more, not even that it is closed.
bool is_quiet(tcp::socket& socket) {
    char c = 0;
    const auto count = ::recv(socket.native_handle(), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

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
    if (request.method != Method::get) text += "Content-Length: 0\r\n";
    return text + "\r\n";
}

}  // namespace

struct Peer::Impl {
    explicit Impl(PeerOptions o);

    void run();
    std::optional<tcp::socket> take_kept();
    void keep(tcp::socket socket);
    void close_idle_later();

    const PeerOptions options;
    const std::string authority;
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> repeated{0};
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
    // Of the thread alone.
    tcp::resolver resolver{io};
    std::vector<Kept> kept;  ///< the one that was used last is the last
    asio::steady_timer idle_timer{io};
    bool idle_timer_runs = false;
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
            if (options.error_log) options.error_log(error.what());
        }
    }
}

std::optional<tcp::socket> Peer::Impl::take_kept() {
    while (!kept.empty()) {
        Kept last = std::move(kept.back());
        kept.pop_back();
        if (last.until > SteadyClock::now() && is_quiet(last.socket)) {
            return std::move(last.socket);
        }
    }
    return std::nullopt;
}

void Peer::Impl::keep(tcp::socket socket) {
    kept.push_back({std::move(socket), SteadyClock::now() + options.idle_timeout});
    close_idle_later();
}

void Peer::Impl::close_idle_later() {
    if (idle_timer_runs || kept.empty()) return;
    idle_timer_runs = true;
    idle_timer.expires_at(kept.front().until);
    idle_timer.async_wait([this](error_code ec) {
        idle_timer_runs = false;
        if (ec) return;
        std::erase_if(kept, [now = SteadyClock::now()](const Kept& one) {
            return one.until <= now;
        });
        close_idle_later();
    });
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
            if (!ec) self->fail(fmt::format("no answer within {} ms", self->timeout_.count()));
        });
        if (auto socket = impl_.take_kept()) {
            socket_ = std::move(*socket);
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
                if (self->is_over()) return;
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
        if (is_over()) return;
        if (ec) {
            fail(fmt::format("cannot connect: {}", ec.message()));
            return;
        }
        impl_.connections.fetch_add(1, std::memory_order_relaxed);
        socket_.set_option(tcp::no_delay(true), ec);
        write();
    }

    void new_parser() {
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(impl_.options.max_header_bytes));
        parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    }

    void write() {
        new_parser();
        asio::async_write(
            socket_,
            asio::buffer(text_),
            [self = shared_from_this()](error_code ec, std::size_t) {
                if (self->is_over()) return;
                if (ec) {
                    self->broken(fmt::format("cannot write: {}", ec.message()));
                } else {
                    self->read();
                }
            }
        );
    }

    void read() {
        const std::size_t before = received_.size();
        received_.resize(before + piece_bytes);
        socket_.async_read_some(
            asio::buffer(received_.data() + before, piece_bytes),
            [self = shared_from_this(), before](error_code ec, std::size_t count) {
                if (self->is_over()) return;
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

    /// Takes what was received.
    void take() {
        if (!in_body_ && !take_header()) return;
        take_body();
    }

    /// False when it is not complete, or failed.
    bool take_header() {
        while (!received_.empty()) {
            error_code ec;
            const std::size_t count = parser_->put(asio::buffer(received_), ec);
            received_.erase(0, count);
            header_bytes_ += count;
            if (ec == beast::http::error::need_more) ec = {};
            const bool too_large =
                header_bytes_ + (parser_->is_header_done() ? 0 : received_.size()) >
                impl_.options.max_header_bytes;
            if (too_large) {
                fail("the answer's header is too large");
                return false;
            }
            if (ec) {
                fail(fmt::format("it is no HTTP answer: {}", ec.message()));
                return false;
            }
            if (!parser_->is_header_done()) {
                read();
                return false;
            }
            const int status = static_cast<int>(parser_->get().result_int());
            if (status >= 200) return begin_body(status);
            if (status == 101) {
                fail("it changes the protocol, which nobody asked for");
                return false;
            }
            new_parser();  // an interim answer: the next one may be final
        }
        read();
        return false;
    }

    bool begin_body(int status) {
        response_.status = status;
        for (const auto& field : parser_->get()) {
            response_.headers.push_back(
                {std::string(field.name_string()), std::string(field.value())}
            );
        }
        reusable_ = parser_->keep_alive();
        in_body_ = true;
        const bool empty = status == 204 || status == 304;
        const std::size_t most = impl_.options.max_body_bytes;
        if (empty) {
            left_ = 0;
        } else if (parser_->chunked()) {
            decoder_.emplace(most, max_chunk_extras);
        } else if (parser_->get().find(beast::http::field::transfer_encoding) !=
                   parser_->get().end()) {
            fail("its Transfer-Encoding is not just chunked");
            return false;
        } else if (const auto length = parser_->content_length()) {
            left_ = *length;
        } else {
            reusable_ = false;  // its end is the connection's
        }
        if (left_ && *left_ > most) {
            fail("the answer's body is too large");
            return false;
        }
        return true;
    }

    void take_body() {
        if (decoder_) {
            take_chunks();
            return;
        }
        const std::size_t count =
            left_ ? std::min<std::uint64_t>(*left_, received_.size()) : received_.size();
        response_.body.append(received_, 0, count);
        received_.erase(0, count);
        if (left_) *left_ -= count;
        if (response_.body.size() > impl_.options.max_body_bytes) {
            fail("the answer's body is too large");
        } else if (left_ && *left_ == 0) {
            succeed();
        } else {
            read();
        }
    }

    void take_chunks() {
        std::string_view in = received_;
        const auto state = decoder_->put(in, response_.body);
        received_.erase(0, received_.size() - in.size());
        switch (state) {
            case ChunkDecoder::State::more:
                read();
                return;
            case ChunkDecoder::State::done:
                succeed();
                return;
            case ChunkDecoder::State::malformed:
                fail("its chunks are malformed");
                return;
            case ChunkDecoder::State::body_too_large:
            case ChunkDecoder::State::extras_too_large:
                fail("the answer's body is too large");
                return;
        }
    }

    /// The server sends no more.
    void ended() {
        if (in_body_ && !decoder_ && !left_) {
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
        socket_.close(ignored);
        socket_ = tcp::socket(impl_.io);
        connect();
    }

    void succeed() {
        // What nobody asked for would be taken for the next request's answer.
        if (reusable_ && received_.empty()) impl_.keep(std::move(socket_));
        end(std::move(response_));
    }

    void fail(std::string why) { end(std::unexpected(std::move(why))); }

    void end(std::expected<ClientResponse, std::string> result) {
        if (is_over()) return;
        const Done done = std::exchange(done_, nullptr);
        timer_.cancel();
        error_code ignored;
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
    bool was_kept_ = false;
    bool heard_ = false;  ///< something of an answer came
    std::string received_;
    std::optional<HeaderParser> parser_;
    std::size_t header_bytes_ = 0;
    ClientResponse response_;
    bool in_body_ = false;
    bool reusable_ = false;
    std::optional<ChunkDecoder> decoder_;
    std::optional<std::uint64_t> left_;  ///< of a body whose length was told
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
            "\"{}\" {}; it wants http://HOST[:PORT], as http://127.0.0.1:8081", url, why
        ));
    };
    constexpr std::string_view secure = "https://";
    if (equal_ignoring_case(url.substr(0, secure.size()), secure)) {
        throw bad("is https, which is not spoken here");
    }
    const auto scheme_end = url.find("://");
    const auto rest = scheme_end == url.npos ? std::string_view() : url.substr(scheme_end + 3);
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    if (authority.find('@') != authority.npos) throw bad("has a user in it");
    Url origin;
    try {
        origin = parse_url(url);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(
            fmt::format("{}; it wants http://HOST[:PORT], as http://127.0.0.1:8081", error.what())
        );
    }
    if (origin.target != "/" || rest.find_first_of("?#") != rest.npos) {
        throw bad("has something behind the host and port");
    }
    if (std::stoul(origin.port) == 0) throw bad("has the port 0");
    return origin;
}

}  // namespace bookstore::http
