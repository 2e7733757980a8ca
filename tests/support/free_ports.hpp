#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bookstore::test {

/// Sockets that have a port of 127.0.0.1 each, which nobody had, and do nothing with it.
class BoundSockets {
  public:
    BoundSockets() = default;
    BoundSockets(BoundSockets&& other) noexcept : sockets_(std::exchange(other.sockets_, {})) {}
    BoundSockets& operator=(BoundSockets&& other) noexcept {
        std::swap(sockets_, other.sockets_);
        return *this;
    }
    ~BoundSockets() {
        for (const auto& [fd, port] : sockets_) {
            ::close(fd);
        }
    }

    /// false: somebody has it. 0 is any that the system chooses.
    bool bind(std::uint16_t wanted) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(wanted);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr generic{};
        static_assert(sizeof generic == sizeof address);
        std::memcpy(&generic, &address, sizeof generic);
        socklen_t size = sizeof generic;
        if (::bind(fd, &generic, size) != 0 || ::getsockname(fd, &generic, &size) != 0) {
            ::close(fd);
            return false;
        }
        std::memcpy(&address, &generic, sizeof address);
        sockets_.emplace_back(fd, ntohs(address.sin_port));
        return true;
    }
    /// Servers, who say that they use again what is in use, may listen there.
    void let_servers_in() const {
        for (const auto& [fd, port] : sockets_) {
            const int yes = 1;
            ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        }
    }
    std::vector<std::uint16_t> ports() const {
        std::vector<std::uint16_t> ports;
        for (const auto& [fd, port] : sockets_) {
            ports.push_back(port);
        }
        return ports;
    }

  private:
    std::vector<std::pair<int, std::uint16_t>> sockets_;
};

/// So many ports that nobody has at the moment, each another one: for programs that must know each
/// other's before they start.
inline std::vector<std::uint16_t> free_ports(std::size_t count) {
    BoundSockets sockets;  // all are held until there are enough: none is given twice
    while (sockets.ports().size() < count) {
        if (!sockets.bind(0)) {
            throw std::runtime_error("there is no free port");
        }
    }
    return sockets.ports();
}

/// So many ports for servers that come back to theirs: as long as this is there, nobody else gets
/// them, neither a test that looks for one nor a connection.
class ReservedPorts {
  public:
    explicit ReservedPorts(std::size_t count) {
        for (int attempt = 0; sockets_.ports().size() < count && attempt < most_attempts;
             ++attempt) {
            sockets_.bind(anywhere_(random_));
        }
        let_servers_in(count);
    }
    /// Each is the one behind the one before.
    static ReservedPorts in_a_row(std::size_t count) {
        ReservedPorts reserved(0);
        for (int attempt = 0; reserved.sockets_.ports().size() < count && attempt < most_attempts;
             ++attempt) {
            BoundSockets row;
            std::uint16_t next = reserved.anywhere_(reserved.random_);
            while (row.ports().size() < count && row.bind(next)) {
                ++next;
            }
            reserved.sockets_ = std::move(row);
        }
        reserved.let_servers_in(count);
        return reserved;
    }
    std::uint16_t at(std::size_t place) const { return sockets_.ports().at(place); }

  private:
    static constexpr int most_attempts = 1000;

    void let_servers_in(std::size_t count) const {
        if (sockets_.ports().size() < count) {
            throw std::runtime_error("there is no free port");
        }
        sockets_.let_servers_in();
    }

    std::mt19937 random_{std::random_device{}()};
    /// Below those that the system gives to connections.
    std::uniform_int_distribution<std::uint16_t> anywhere_{15000, 32000};
    BoundSockets sockets_;
};

}  // namespace bookstore::test
