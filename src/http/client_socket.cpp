#include "http/client_socket.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <span>
#include <utility>

namespace bookstore::http {

namespace {

using boost::system::error_code;

constexpr Token use_await;
constexpr asio::as_tuple_t<Token> as_result(use_await);

constexpr std::size_t least_max_received_bytes = 64 << 10;
/// A slow reader has write_timeout for each piece of that size.
constexpr std::size_t timed_write_bytes = 64 << 10;

/// The parser refuses a header that is larger than allowed before the buffer can be full.
std::size_t max_received_bytes(const ServerOptions& options) {
    const std::size_t header_bytes = options.max_header_bytes + options.max_target_bytes + 4096;
    return std::max(least_max_received_bytes, header_bytes);
}

/// An end of the connection, whatever family it is of; nothing if it is gone.
using NameOf = int (*)(int, sockaddr*, socklen_t*);
std::optional<sockaddr_storage> end_of(int fd, NameOf name_of) {
    sockaddr_storage end{};
    socklen_t size = sizeof end;
    return name_of(fd, static_cast<sockaddr*>(static_cast<void*>(&end)), &size) == 0
               ? std::optional(end)
               : std::nullopt;
}

/// What is in it, where it is of that family.
template <class Address>
const Address& as(const sockaddr_storage& end) {
    return *static_cast<const Address*>(static_cast<const void*>(&end));
}

std::optional<IpAddress> address_of(const std::optional<sockaddr_storage>& end) {
    return end ? address_in(*end) : std::nullopt;
}

/// One of IPv4 as such, on whatever socket it came.
asio::ip::address unmapped(const IpAddress& bytes) {
    const asio::ip::address_v6 address(bytes);
    return address.is_v4_mapped()
               ? asio::ip::address(asio::ip::make_address_v4(asio::ip::v4_mapped, address))
               : asio::ip::address(address);
}

bool is_waiting(const TlsSession::Step& step) {
    return step.state == TlsSession::State::wants_read ||
           step.state == TlsSession::State::wants_write;
}

/// What a read or a write of TLS that is over has come to.
ClientSocket::Transferred transferred(const TlsSession::Step& step) {
    switch (step.state) {
        case TlsSession::State::done:
            return {error_code(), step.bytes};
        case TlsSession::State::ended:
            return {asio::error::eof, 0};
        default:
            return {asio::error::connection_reset, 0};
    }
}

}  // namespace

std::optional<IpAddress> address_in(const sockaddr_storage& end) {
    if (end.ss_family == AF_INET6) {
        IpAddress address;
        std::ranges::copy(as<sockaddr_in6>(end).sin6_addr.s6_addr, address.begin());
        return address;
    }
    if (end.ss_family == AF_INET) {
        const auto v4 = asio::ip::make_address_v4(ntohl(as<sockaddr_in>(end).sin_addr.s_addr));
        return asio::ip::make_address_v6(asio::ip::v4_mapped, v4).to_bytes();
    }
    return std::nullopt;
}

ClientSocket::ClientSocket(Socket socket, const ServerOptions& options, const TlsContext& tls)
    : socket_(std::move(socket)),
      tls_(tls ? std::make_unique<TlsSession>(tls, socket_.native_handle()) : nullptr),
      max_received_bytes_(max_received_bytes(options)),
      write_timeout_(options.write_timeout) {}

// Not const in Asio, though it changes nothing.
int ClientSocket::handle() const {
    return const_cast<Socket&>(socket_).native_handle();
}

std::optional<IpAddress> ClientSocket::peer_address() const {
    return address_of(end_of(handle(), ::getpeername));
}

std::optional<IpAddress> ClientSocket::own_address() const {
    return address_of(end_of(handle(), ::getsockname));
}

bool ClientSocket::is_unix() const {
    const auto end = end_of(handle(), ::getsockname);
    return end && end->ss_family == AF_UNIX;
}

std::string ClientSocket::peer_text() const {
    const auto address = peer_address();
    if (!address) {
        return is_unix() ? "unix" : std::string();
    }
    return unmapped(*address).to_string();
}

std::string ClientSocket::own_text() const {
    const auto end = end_of(handle(), ::getsockname);
    const auto bytes = address_of(end);
    if (!bytes) {
        return "localhost";
    }
    const auto address = unmapped(*bytes);
    const auto port = end->ss_family == AF_INET6 ? as<sockaddr_in6>(*end).sin6_port
                                                 : as<sockaddr_in>(*end).sin_port;
    return fmt::format(
        fmt::runtime(address.is_v6() ? "[{}]:{}" : "{}:{}"), address.to_string(), ntohs(port)
    );
}

bool ClientSocket::is_reset() const {
    pollfd state{handle(), 0, 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

/// Where the next bytes go.
asio::mutable_buffer ClientSocket::room() {
    const std::span<char> free = received.prepare(max_received_bytes_);
    return asio::buffer(free.data(), free.size());
}

// No coroutines: they hand on Asio's, and cost no frame of their own.

Awaitable<ClientSocket::Transferred> ClientSocket::read_some() {
    return read_some_into(room());
}

Awaitable<ClientSocket::Transferred> ClientSocket::read_some_into(asio::mutable_buffer room) {
    return tls_ ? read_tls(room) : socket_.async_read_some(room, as_result);
}

Awaitable<std::tuple<error_code>> ClientSocket::until_readable() {
    return socket_.async_wait(Socket::wait_read, as_result);
}

Awaitable<std::tuple<error_code>> ClientSocket::until_writable() {
    return socket_.async_wait(Socket::wait_write, as_result);
}

Awaitable<std::tuple<error_code>> ClientSocket::until_able(TlsSession::State wanted) {
    return wanted == TlsSession::State::wants_write ? until_writable() : until_readable();
}

Awaitable<ClientSocket::Transferred> ClientSocket::write_some(std::string_view text) {
    return tls_ ? write_tls(text) : socket_.async_write_some(asio::buffer(text), as_result);
}

bool ClientSocket::has_more() const {
    error_code failed;
    return (tls_ && tls_->has_pending()) || socket_.available(failed) > 0;
}

void ClientSocket::cancel() {
    error_code ignored;
    cancelled_ = true;
    socket_.cancel(ignored);
}

std::optional<std::size_t> ClientSocket::write_now(std::string_view head, std::string_view body) {
    if (!tls_) {
        return write_plainly(head, body);
    }
    const auto of_head = write_tls_now(head);
    if (!of_head || *of_head < head.size()) {
        return of_head;
    }
    const auto of_body = write_tls_now(body);
    return of_body ? std::optional(*of_head + *of_body) : std::nullopt;
}

std::optional<std::size_t> ClientSocket::write_plainly(
    std::string_view head, std::string_view body
) {
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
    sent_bytes_ += written;
    return written;
}

Awaitable<bool> ClientSocket::write_rest(std::string_view head, std::string_view body) {
    const PhaseClock before = clock;
    clock.tick();
    clock.enter(Phase::write, write_timeout_);
    std::size_t timed_bytes = 0;
    while (!head.empty() || !body.empty()) {
        std::string_view& part = head.empty() ? body : head;
        const auto [failed, count] = co_await write_some(part);
        if (failed) {
            co_return false;
        }
        part.remove_prefix(count);
        sent_bytes_ += count;
        timed_bytes += count;
        if (timed_bytes < timed_write_bytes) {
            continue;
        }
        timed_bytes = 0;
        clock.tick();
        clock.enter(Phase::write, write_timeout_);
    }
    clock.resume(before);
    co_return true;
}

Awaitable<bool> ClientSocket::write(std::string_view text) {
    const auto written = write_now(text, {});
    if (!written) {
        co_return false;
    }
    if (*written == text.size()) {
        co_return true;
    }
    text.remove_prefix(*written);
    const bool sent = co_await write_rest(text, std::string_view());
    co_return sent;
}

void ClientSocket::end_writing() {
    error_code ignored;
    if (tls_) {
        tls_->end_writing();
    }
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void ClientSocket::close() {
    error_code ignored;
    if (tls_) {
        tls_->end_writing();
        tls_->forget_socket();
    }
    socket_.close(ignored);
}

void ClientSocket::abort() {
    aborted_ = true;
    close();
}

// ---- TLS

TlsSession::Step ClientSocket::shake_hands() {
    return tls_->shake_hands();
}

/// TLS begins with a byte that begins no request.
bool ClientSocket::speaks_plainly() const {
    char first = 0;
    const auto count = ::recv(handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 1 && ((first >= 'A' && first <= 'Z') || first == '\r');
}

/// What was received with the last record is there already; else it waits first: to try would be
/// in vain as a rule.
Awaitable<ClientSocket::Transferred> ClientSocket::read_tls(asio::mutable_buffer room) {
    cancelled_ = false;
    TlsSession::Step step{TlsSession::State::wants_read};
    if (tls_->has_pending()) {
        step = tls_->read({static_cast<char*>(room.data()), room.size()});
    }
    while (is_waiting(step)) {
        const auto [failed] = co_await until_able(step.state);
        if (failed || cancelled_) {
            co_return Transferred(asio::error::operation_aborted, 0);
        }
        step = tls_->read({static_cast<char*>(room.data()), room.size()});
    }
    co_return transferred(step);
}

Awaitable<ClientSocket::Transferred> ClientSocket::write_tls(std::string_view text) {
    TlsSession::Step step = tls_->write(text);
    while (is_waiting(step)) {
        const auto [failed] = co_await until_able(step.state);
        if (failed) {
            co_return Transferred(failed, 0);
        }
        step = tls_->write(text);
    }
    co_return transferred(step);
}

/// A record at a time, as long as the socket takes them.
std::optional<std::size_t> ClientSocket::write_tls_now(std::string_view text) {
    std::size_t written = 0;
    while (written < text.size()) {
        const TlsSession::Step step = tls_->write(text.substr(written));
        if (is_waiting(step)) {
            break;
        }
        if (step.state != TlsSession::State::done) {
            return std::nullopt;
        }
        written += step.bytes;
    }
    sent_bytes_ += written;
    return written;
}

void ClientSocket::read_tls_beside(ReadDone done) {
    cancelled_ = false;
    auto go_on = [this, told = std::move(done)](error_code failed = {}) mutable {
        go_on_reading_tls(failed, std::move(told));
    };
    if (tls_->has_pending()) {
        asio::post(socket_.get_executor(), std::move(go_on));
    } else {
        socket_.async_wait(Socket::wait_read, std::move(go_on));
    }
}

void ClientSocket::go_on_reading_tls(error_code failed, ReadDone done) {
    if (failed || cancelled_) {
        return done(asio::error::operation_aborted, 0);
    }
    const asio::mutable_buffer free = room();
    const auto step = tls_->read({static_cast<char*>(free.data()), free.size()});
    if (is_waiting(step)) {
        const auto what =
            step.state == TlsSession::State::wants_read ? Socket::wait_read : Socket::wait_write;
        socket_.async_wait(what, [this, told = std::move(done)](error_code broken) mutable {
            go_on_reading_tls(broken, std::move(told));
        });
        return;
    }
    const auto [problem, count] = transferred(step);
    done(problem, count);
}

}  // namespace bookstore::http
