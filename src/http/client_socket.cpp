#include "http/client_socket.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
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

IpAddress bytes_of(const asio::ip::address& address) {
    return address.is_v6()
               ? address.to_v6().to_bytes()
               : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
}

/// One of IPv4 as such, on whatever socket it came.
asio::ip::address unmapped(const asio::ip::address& address) {
    const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
    return mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()) : address;
}

}  // namespace

ClientSocket::ClientSocket(Socket socket, const ServerOptions& options)
    : socket_(std::move(socket)),
      max_received_bytes_(max_received_bytes(options)),
      write_timeout_(options.write_timeout) {}

std::optional<IpAddress> ClientSocket::peer_address() const {
    error_code failed;
    const auto peer = socket_.remote_endpoint(failed);
    return failed ? std::nullopt : std::optional(bytes_of(peer.address()));
}

std::optional<IpAddress> ClientSocket::own_address() const {
    error_code failed;
    const auto own = socket_.local_endpoint(failed);
    return failed ? std::nullopt : std::optional(bytes_of(own.address()));
}

std::string ClientSocket::peer_text() const {
    error_code failed;
    const auto peer = socket_.remote_endpoint(failed);
    return failed ? std::string() : unmapped(peer.address()).to_string();
}

std::string ClientSocket::own_text() const {
    error_code failed;
    const auto own = socket_.local_endpoint(failed);
    if (failed) {
        return {};
    }
    const auto address = unmapped(own.address());
    return fmt::format(
        fmt::runtime(address.is_v6() ? "[{}]:{}" : "{}:{}"), address.to_string(), own.port()
    );
}

bool ClientSocket::is_reset() const {
    // Not const in Asio, though it changes nothing.
    pollfd state{const_cast<Socket&>(socket_).native_handle(), 0, 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

/// Where the next bytes go.
asio::mutable_buffer ClientSocket::room() {
    const std::span<char> free = received.prepare(max_received_bytes_);
    return asio::buffer(free.data(), free.size());
}

// No coroutines: they hand on Asio's, and cost no frame of their own.

Awaitable<ClientSocket::Transferred> ClientSocket::read_some() {
    return socket_.async_read_some(room(), as_result);
}

Awaitable<ClientSocket::Transferred> ClientSocket::read_some_into(asio::mutable_buffer room) {
    return socket_.async_read_some(room, as_result);
}

Awaitable<std::tuple<error_code>> ClientSocket::until_readable() {
    return socket_.async_wait(Socket::wait_read, as_result);
}

bool ClientSocket::has_more() const {
    error_code failed;
    return socket_.available(failed) > 0;
}

void ClientSocket::cancel() {
    error_code ignored;
    socket_.cancel(ignored);
}

std::optional<std::size_t> ClientSocket::write_now(std::string_view head, std::string_view body) {
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
        const auto [failed, count] =
            co_await socket_.async_write_some(asio::buffer(part), as_result);
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
    socket_.shutdown(Socket::shutdown_send, ignored);
}

void ClientSocket::close() {
    error_code ignored;
    socket_.close(ignored);
}

void ClientSocket::abort() {
    aborted_ = true;
    close();
}

}  // namespace bookstore::http
