#include "http/client.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "http/chunked.hpp"
#include "http/text.hpp"
#include "http/tls_session.hpp"

namespace bookstore::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using HeaderParser = beast::http::response_parser<beast::http::empty_body>;

constexpr std::uint32_t max_header_bytes = 64 << 10;
constexpr std::size_t piece_bytes = 16 << 10;

/// Why there was no TLS with a server. It is a std::system_error, as whatever else a connection
/// fails by, but the system's word for it would say nothing.
class TlsFailure final : public std::system_error {
  public:
    explicit TlsFailure(std::string text)
        : std::system_error(std::make_error_code(std::errc::protocol_error)),
          text_(std::move(text)) {}
    const char* what() const noexcept override { return text_.c_str(); }

  private:
    std::string text_;
};

/// One connection. Each call blocks until it is done or the deadline is over; it throws
/// std::system_error then, and the connection is of no more use.
class ClientConnection {
  public:
    ClientConnection(
        const Url& url, const ClientTls& tls, std::optional<Clock::time_point> deadline
    )
        : where_(url.is_unix() ? "unix:" + url.path : authority_of(url)), deadline_(deadline) {
        if (url.is_unix()) {
            connect_to_path(url.path);
        } else {
            connect_to_host(url);
        }
        if (url.is_tls) {
            error_code ignored;
            socket_.non_blocking(true, ignored);
            tls_.emplace(tls, socket_.native_handle(), url.host);
            over_tls([this] { return tls_->shake_hands(); });
        }
    }
    ~ClientConnection() {
        if (tls_) {
            tls_->end_writing();
        }
    }
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;

    /// A server may refuse a body and close before it has read it: its answer says why.
    void write(std::string_view text) {
        if (tls_) {
            write_tls(text);
            return;
        }
        const auto start = [&](auto done) {
            asio::async_write(socket_, asio::buffer(text), [done](error_code e, std::size_t) {
                done(e);
            });
        };
        const error_code ec = wait(start);
        const bool closed = ec == asio::error::broken_pipe || ec == asio::error::connection_reset;
        if (!closed) {
            check(ec, "cannot write to");
        }
    }

    void read_header(HeaderParser& parser) {
        while (!parser.is_header_done()) {
            if (receive() == 0) {
                check(asio::error::eof, "no answer from");
            }
            error_code ec;
            const std::size_t taken = parser.put(buffer_.data(), ec);
            buffer_.consume(taken);
            if (ec != beast::http::error::need_more) {
                check(ec, "no answer from");
            }
        }
    }

    /// Some bytes of the body as it is on the wire; none at its end.
    std::string_view read_some() {
        if (taken_ > 0) {
            buffer_.consume(std::exchange(taken_, 0));
        }
        if (buffer_.size() == 0 && receive() == 0) {
            return {};
        }
        taken_ = buffer_.size();
        return {static_cast<const char*>(buffer_.data().data()), taken_};
    }

    [[noreturn]] void fail(std::string_view what) const {
        throw std::system_error(
            std::make_error_code(std::errc::protocol_error), fmt::format("{} {}", what, where_)
        );
    }

  private:
    void connect_to_host(const Url& url) {
        error_code ec;
        tcp::resolver resolver(io_);
        const auto found = resolver.resolve(url.host, url.port, ec);
        check(ec, "cannot resolve");
        tcp::socket socket(io_);
        const auto start = [&](auto done) {
            asio::async_connect(socket, found, [done](error_code e, const auto&) { done(e); });
        };
        check(wait(socket, start), "cannot connect to");
        socket.set_option(tcp::no_delay(true), ec);
        socket_ = std::move(socket);
    }

    void connect_to_path(const std::string& path) {
        using asio::local::stream_protocol;
        if (path.size() >= sizeof(sockaddr_un::sun_path)) {
            check(asio::error::name_too_long, "cannot connect to");
        }
        stream_protocol::socket socket(io_);
        const auto start = [&](auto done) {
            socket.async_connect(stream_protocol::endpoint(path), done);
        };
        check(wait(socket, start), "cannot connect to");
        socket_ = std::move(socket);
    }

    void write_tls(std::string_view text) {
        const auto step = [&] {
            const TlsSession::Step taken = tls_->write(text);
            const bool closed = taken.state == TlsSession::State::failed && tls_->is_cut_off();
            return closed ? TlsSession::Step{TlsSession::State::ended} : taken;
        };
        while (!text.empty()) {
            const std::size_t count = over_tls(step);
            if (count == 0) {
                return;
            }
            text.remove_prefix(count);
        }
    }

    /// Adds to the buffer; 0 at the end of what the server sends.
    std::size_t receive() {
        const auto room = buffer_.prepare(piece_bytes);
        std::size_t count = 0;
        if (tls_) {
            count = over_tls([&] {
                return tls_->read({static_cast<char*>(room.data()), room.size()});
            });
        } else {
            const auto start = [&](auto done) {
                socket_.async_read_some(room, [done, &count](error_code e, std::size_t n) {
                    count = n;
                    done(e);
                });
            };
            const error_code ec = wait(start);
            if (ec != asio::error::eof) {
                check(ec, "no answer from");
            }
        }
        buffer_.commit(count);
        return count;
    }

    /// Takes that step until it is done; how many bytes it was about, none at the end.
    template <class Step>
    std::size_t over_tls(Step step) {
        using Socket = asio::generic::stream_protocol::socket;
        for (;;) {
            const TlsSession::Step taken = step();
            switch (taken.state) {
                case TlsSession::State::done:
                case TlsSession::State::ended:
                    return taken.bytes;
                case TlsSession::State::failed:
                    if (tls_->is_cut_off()) {
                        check(asio::error::connection_reset, "no answer from");
                    }
                    throw TlsFailure(
                        fmt::format("cannot speak TLS with {}: {}", where_, tls_->problem())
                    );
                default:
                    break;
            }
            const auto what = taken.state == TlsSession::State::wants_read ? Socket::wait_read
                                                                           : Socket::wait_write;
            const auto start = [&](auto done) { socket_.async_wait(what, done); };
            check(wait(start), "no answer from");
        }
    }

    template <class Start>
    error_code wait(Start start) {
        return wait(socket_, start);
    }

    template <class AnySocket, class Start>
    error_code wait(AnySocket& socket, Start start) {
        std::optional<error_code> result;
        start([&result](error_code ec) { result = ec; });
        io_.restart();
        if (deadline_) {
            io_.run_until(*deadline_);
        } else {
            io_.run();
        }
        if (result) {
            return *result;
        }
        // The operation refers to local variables: it has to end before they do.
        error_code ignored;
        socket.close(ignored);
        io_.restart();
        io_.run();
        return asio::error::timed_out;
    }

    void check(error_code ec, std::string_view what) const {
        if (ec) {
            throw std::system_error(ec, fmt::format("{} {}", what, where_));
        }
    }

    asio::io_context io_{1};
    asio::generic::stream_protocol::socket socket_{io_};  ///< of TCP, or of a unix socket
    std::optional<TlsSession> tls_;
    beast::flat_buffer buffer_;
    std::size_t taken_ = 0;
    std::string where_;
    std::optional<Clock::time_point> deadline_;
};

std::string request_text(
    Method method, const Url& url, std::string_view body, const std::vector<Header>& headers
) {
    std::string text = fmt::format(
        "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
        name_of(method),
        url.target,
        authority_of(url)
    );
    for (const Header& header : headers) {
        text += fmt::format("{}: {}\r\n", header.name, header.value);
    }
    const bool may_write =
        method == Method::post || method == Method::put || method == Method::patch;
    if (may_write || !body.empty()) {
        text += fmt::format("Content-Length: {}\r\n", body.size());
    }
    text += "\r\n";
    text += body;
    return text;
}

/// Reads the final answer's status and fields.
ClientResponse read_head(ClientConnection& connection, HeaderParser& parser) {
    connection.read_header(parser);
    ClientResponse response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
        response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    return response;
}

bool read_chunks(
    ClientConnection& connection, const std::function<bool(std::string_view)>& on_data
) {
    using State = ChunkDecoder::State;
    constexpr auto unlimited = std::numeric_limits<std::size_t>::max();
    ChunkDecoder decoder(unlimited, unlimited);
    std::string data;
    for (;;) {
        std::string_view piece = connection.read_some();
        if (piece.empty()) {
            connection.fail("the answer ended too early from");
        }
        const State state = decoder.put(piece, data);
        if (!data.empty() && !on_data(data)) {
            return false;
        }
        data.clear();
        if (state == State::done) {
            return true;
        }
        if (state != State::more) {
            connection.fail("malformed chunks from");
        }
    }
}

/// False if `on_data` wanted no more.
bool read_body(
    ClientConnection& connection,
    const HeaderParser& parser,
    const std::function<bool(std::string_view)>& on_data
) {
    if (parser.chunked()) {
        return read_chunks(connection, on_data);
    }
    const auto length = parser.content_length();
    std::uint64_t left = length.value_or(std::numeric_limits<std::uint64_t>::max());
    while (left > 0) {
        std::string_view piece = connection.read_some();
        if (piece.empty()) {
            if (length) {
                connection.fail("the answer ended too early from");
            }
            return true;
        }
        piece = piece.substr(0, std::min<std::uint64_t>(left, piece.size()));
        left -= piece.size();
        if (!on_data(piece)) {
            return false;
        }
    }
    return true;
}

std::string_view usual_port(bool is_tls) {
    return is_tls ? "443" : "80";
}

bool has_body(Method method, int status) {
    return method != Method::head && status >= 200 && status != 204 && status != 304;
}

}  // namespace

std::string authority_of(const Url& url) {
    if (url.is_unix()) {
        return "localhost";
    }
    const bool v6 = url.host.find(':') != std::string::npos;
    const auto host = v6 ? fmt::format("[{}]", url.host) : url.host;
    return url.port == usual_port(url.is_tls) ? host : fmt::format("{}:{}", host, url.port);
}

std::string origin_text(const Url& url) {
    return (url.is_tls ? "https://" : "http://") + authority_of(url);
}

namespace {

/// Nothing of what is malformed.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    while (!text.empty()) {
        if (text[0] != '%') {
            decoded += text[0];
            text.remove_prefix(1);
            continue;
        }
        unsigned byte = 0;
        const char* digits = text.data() + 1;
        if (text.size() < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) {
            return std::nullopt;
        }
        decoded += static_cast<char>(byte);
        text.remove_prefix(3);
    }
    return decoded;
}

/// What both ways to write a unix socket's URL have in common; nothing of any other URL.
std::optional<Url> parse_unix_url(std::string_view url) {
    constexpr std::string_view plain = "unix:";
    constexpr std::string_view encoded = "http+unix://";
    Url result{.host = "localhost"};
    if (url.starts_with(plain)) {
        result.path = url.substr(plain.size());
    } else if (url.starts_with(encoded)) {
        url.remove_prefix(encoded.size());
        const auto slash = std::min(url.find('/'), url.size());
        result.path = percent_decoded(url.substr(0, slash)).value_or("");
        if (slash < url.size()) {
            result.target = url.substr(slash);
        }
    } else {
        return std::nullopt;
    }
    return result;
}

}  // namespace

Url parse_url(std::string_view url) {
    const auto bad = [&](std::string_view why) {
        return std::invalid_argument(fmt::format("\"{}\" {}", url, why));
    };
    if (auto at_socket = parse_unix_url(url)) {
        if (at_socket->path.empty() || at_socket->path.find('\0') != std::string::npos) {
            throw bad("has no path of a unix socket, as unix:/run/bookstore.sock");
        }
        return std::move(*at_socket);
    }
    const auto scheme_end = url.find("://");
    const std::string_view scheme = url.substr(0, std::min(scheme_end, url.size()));
    const bool is_tls = equal_ignoring_case(scheme, "https");
    if (scheme_end == url.npos || (!is_tls && !equal_ignoring_case(scheme, "http"))) {
        throw bad("is no URL that starts with http:// or https:// (or unix:)");
    }
    std::string_view rest = url.substr(scheme_end + 3);
    rest = rest.substr(0, rest.find('#'));
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    if (!is_valid_host(authority)) {
        throw bad("has no valid host");
    }
    Url result;
    result.is_tls = is_tls;
    result.port = usual_port(is_tls);
    rest.remove_prefix(authority.size());
    const bool spaces = rest.find_first_of(" \t\r\n") != rest.npos;
    if (spaces) {
        throw bad("has a space in it");
    }
    result.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
    const bool v6 = authority.starts_with('[');
    const auto host_end =
        v6 ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
    result.host = v6 ? authority.substr(1, host_end - 2) : authority.substr(0, host_end);
    if (host_end + 1 < authority.size()) {
        result.port = authority.substr(host_end + 1);
        if (std::stoul(result.port) > 65'535) {
            throw bad("has no valid port");
        }
    }
    return result;
}

ClientResponse fetch(
    Method method,
    const Url& url,
    const std::string& body,
    const std::vector<Header>& headers,
    std::chrono::milliseconds timeout,
    const ClientTls& tls
) {
    ClientConnection connection(url, tls, Clock::now() + timeout);
    connection.write(request_text(method, url, body, headers));
    HeaderParser parser;
    parser.header_limit(max_header_bytes);
    ClientResponse response = read_head(connection, parser);
    if (!has_body(method, response.status)) {
        return response;
    }
    read_body(connection, parser, [&](std::string_view piece) {
        response.body += piece;
        return true;
    });
    return response;
}

int fetch_stream(
    const Url& url,
    const std::vector<Header>& headers,
    const std::function<void(int status)>& on_status,
    const std::function<bool(std::string_view piece)>& on_data,
    const ClientTls& tls
) {
    ClientConnection connection(url, tls, std::nullopt);
    connection.write(request_text(Method::get, url, {}, headers));
    HeaderParser parser;
    parser.header_limit(max_header_bytes);
    const ClientResponse response = read_head(connection, parser);
    if (on_status) {
        on_status(response.status);
    }
    if (has_body(Method::get, response.status)) {
        read_body(connection, parser, on_data);
    }
    return response.status;
}

}  // namespace bookstore::http
