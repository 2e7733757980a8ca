#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "support/tls_end.hpp"

// A client that sends any bytes it is told to, and reads answers without any HTTP library of ours.

struct Reply {
    int status = 0;
    std::string head;                            ///< with status line and empty line
    std::map<std::string, std::string> headers;  ///< names in lower case; "a, b" if repeated
    std::string body;

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
    bool closes() const { return header("connection") == "close"; }
};

class RawClient {
  public:
    static constexpr int patience_ms = 20'000;

    /// By which those speak TLS that are given no context; nothing: plain.
    static inline bookstore::test::TlsClientContext everywhere{};

    explicit RawClient(
        std::uint16_t port,
        int receive_buffer_bytes = 0,
        const bookstore::test::TlsClientContext& tls = everywhere,
        const char* from = "127.0.0.1"
    )
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer_bytes > 0) {
            ::setsockopt(
                fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes
            );
        }
        const int yes = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        ::inet_pton(AF_INET, from, &address.sin_addr);
        sockaddr generic{};
        static_assert(sizeof generic == sizeof address);
        std::memcpy(&generic, &address, sizeof generic);
        // The port is chosen with the other end known: thousands have more than one address' ports.
        ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        ::bind(fd_, &generic, sizeof generic);
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::memcpy(&generic, &address, sizeof generic);
        if (::connect(fd_, &generic, sizeof generic) != 0) {
            ::close(fd_);
            throw std::runtime_error("cannot connect");
        }
        if (tls) {
            ::fcntl(fd_, F_SETFL, O_NONBLOCK);
            try {
                tls_ = std::make_unique<bookstore::test::TlsEnd>(tls, fd_, patience_ms);
            } catch (...) {
                ::close(fd_);
                throw;
            }
        }
    }
    RawClient(RawClient&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)),
          tls_(std::move(other.tls_)),
          received_(std::move(other.received_)) {}
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    ~RawClient() { close(); }

    /// False if the server has closed.
    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto count =
                tls_ ? tls_->send(text) : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (count < 0 && errno == EINTR) {
                continue;
            }
            if (count <= 0) {
                return false;
            }
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }

    void send_byte_by_byte(std::string_view text) {
        for (const char c : text) {
            send({&c, 1});
        }
    }

    void half_close() {
        if (tls_) {
            tls_->end_writing();
        }
        ::shutdown(fd_, SHUT_WR);
    }
    bookstore::test::TlsEnd& tls() { return *tls_; }

    void close() {
        if (tls_ && fd_ >= 0) {
            tls_->end_writing();
        }
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }

    /// So that the server's next write fails.
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        ::close(std::exchange(fd_, -1));
    }

    /// Reads one answer; `bare` for that to HEAD. Informational ones are answers here.
    Reply reply(bool bare = false) {
        Reply reply;
        const auto end = find("\r\n\r\n") + 4;
        reply.head = take(end);
        reply.status = std::stoi(reply.head.substr(9, 3));
        parse_headers(reply);
        if (bare || reply.status < 200 || reply.status == 204 || reply.status == 304) {
            return reply;
        }
        if (reply.header("transfer-encoding") == "chunked") {
            while (read_chunk(reply.body)) {
            }
        } else if (!reply.header("content-length").empty()) {
            const std::size_t length = std::stoul(reply.header("content-length"));
            while (received_.size() < length) {
                receive();
            }
            reply.body = take(length);
        } else {
            while (try_receive()) {
            }
            reply.body = take(received_.size());
        }
        return reply;
    }

    /// Appends the next chunk's data; false if it is the last.
    bool read_chunk(std::string& data) {
        const auto line = take(find("\r\n") + 2);
        const auto size = std::stoul(line, nullptr, 16);
        while (received_.size() < size + 2) {
            receive();
        }
        data += take(size);
        if (take(2) != "\r\n") {
            throw std::runtime_error("a chunk's end is missing");
        }
        return size > 0;
    }

    /// Waits until the server ends the connection. True if it did so in order, with nothing more
    /// to read; false if it sent something or reset the connection.
    bool is_ended() {
        while (try_receive()) {
        }
        return received_.empty() && !was_reset_;
    }

    /// Whether something arrives within that time.
    bool hears_something(int within_ms) {
        if (!received_.empty()) {
            return true;
        }
        if (tls_) {
            return tls_->hears_something(within_ms);
        }
        pollfd poll{fd_, POLLIN, 0};
        return ::poll(&poll, 1, within_ms) > 0;
    }

    /// At least a byte.
    std::string take_what_comes() {
        if (received_.empty()) {
            receive();
        }
        return std::exchange(received_, {});
    }

    std::string take(std::size_t count) {
        std::string text = received_.substr(0, count);
        received_.erase(0, count);
        return text;
    }

    std::size_t find(std::string_view text) {
        for (;;) {
            const auto at = received_.find(text);
            if (at != std::string::npos) {
                return at;
            }
            receive();
        }
    }

  private:
    void receive() {
        if (!try_receive()) {
            throw std::runtime_error("the server closed early, after: " + received_.substr(0, 500));
        }
    }

    bool try_receive() {
        pollfd poll{fd_, POLLIN, 0};
        if (!tls_ && ::poll(&poll, 1, patience_ms) <= 0) {
            throw std::runtime_error("nothing came in time");
        }
        char data[65536];
        const auto count =
            tls_ ? tls_->receive(data, sizeof data) : ::recv(fd_, data, sizeof data, 0);
        was_reset_ = count < 0;
        if (count <= 0) {
            return false;
        }
        received_.append(data, static_cast<std::size_t>(count));
        return true;
    }

    static void parse_headers(Reply& reply) {
        std::size_t at = reply.head.find("\r\n") + 2;
        while (reply.head.compare(at, 2, "\r\n") != 0) {
            const auto end = reply.head.find("\r\n", at);
            const auto colon = reply.head.find(": ", at);
            std::string name = reply.head.substr(at, colon - at);
            for (char& c : name) {
                c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
            }
            std::string& value = reply.headers[name];
            if (!value.empty()) {
                value += ", ";
            }
            value += reply.head.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
    }

    int fd_;
    std::unique_ptr<bookstore::test::TlsEnd> tls_;
    std::string received_;
    bool was_reset_ = false;
};
