#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace bookstore::test {

/// A connection of a RawServer.
class RawConnection {
  public:
    explicit RawConnection(int fd) : fd_(fd) {}
    RawConnection(const RawConnection&) = delete;
    RawConnection& operator=(const RawConnection&) = delete;
    ~RawConnection() { close(); }

    /// The next request's head; empty when the client has closed.
    std::string request() {
        for (;;) {
            if (const auto end = received_.find("\r\n\r\n"); end != std::string::npos) {
                std::string head = received_.substr(0, end + 4);
                received_.erase(0, end + 4);
                return head;
            }
            char data[4096];
            const auto count = ::recv(fd_, data, sizeof data, 0);
            if (count <= 0) {
                return {};
            }
            received_.append(data, static_cast<std::size_t>(count));
        }
    }
    /// False when the client has closed.
    bool send(std::string_view text) {
        while (!text.empty()) {
            const auto count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (count <= 0) {
                return false;
            }
            text.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }
    bool answer(int status, std::string_view body) {
        return send(
            "HTTP/1.1 " + std::to_string(status) +
            " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body)
        );
    }
    void half_close() { ::shutdown(fd_, SHUT_WR); }
    /// For whoever speaks something else over it.
    int fd() const { return fd_; }
    /// Reads, and drops it, until the client has closed.
    void drain() {
        char data[4096];
        while (::recv(fd_, data, sizeof data, 0) > 0) {
        }
    }
    /// The client's next read or write fails.
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    void close() {
        const std::scoped_lock lock(mutex_);
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }
    /// Any thread: ends what its thread waits for.
    void interrupt() {
        const std::scoped_lock lock(mutex_);
        if (fd_ >= 0) {
            ::shutdown(fd_, SHUT_RDWR);
        }
    }

  private:
    std::mutex mutex_;
    int fd_;
    std::string received_;
};

/// A server that says any bytes it is told to, on a port that the system chose: `serve` is called
/// with each connection, numbered from 1, on a thread of its own.
class RawServer {
  public:
    using Serve = std::function<void(RawConnection& connection, int number)>;

    explicit RawServer(Serve serve)
        : serve_(std::move(serve)), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr generic{};
        static_assert(sizeof generic == sizeof address);
        std::memcpy(&generic, &address, sizeof generic);
        socklen_t size = sizeof generic;
        if (::bind(fd_, &generic, size) != 0 || ::listen(fd_, 128) != 0 ||
            ::getsockname(fd_, &generic, &size) != 0) {
            ::close(fd_);
            throw std::runtime_error("cannot listen");
        }
        std::memcpy(&address, &generic, sizeof address);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept(); });
    }
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    ~RawServer() {
        stopping_ = true;
        acceptor_.join();
        ::close(fd_);
        for (auto& connection : connections_) {
            connection->interrupt();
        }
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int connections() const { return accepted_; }

  private:
    void accept() {
        while (!stopping_) {
            pollfd poll{fd_, POLLIN, 0};
            if (::poll(&poll, 1, 10) <= 0) {
                continue;
            }
            const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) {
                continue;
            }
            RawConnection& one = *connections_.emplace_back(std::make_unique<RawConnection>(fd));
            threads_.emplace_back([this, &one, number = ++accepted_] {
                serve_(one, number);
                one.close();
            });
        }
    }

    Serve serve_;
    int fd_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<int> accepted_{0};
    // Of the acceptor's thread, until it has ended.
    std::vector<std::unique_ptr<RawConnection>> connections_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace bookstore::test
