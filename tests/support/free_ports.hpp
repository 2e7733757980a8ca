#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <vector>

namespace bookstore::test {

/// So many ports of 127.0.0.1 that nobody has at the moment, each another one; `propose` says which
/// are tried, 0 being any that the system chooses.
inline std::vector<std::uint16_t> free_ports_of(
    std::size_t count, const std::function<std::uint16_t()>& propose
) {
    std::vector<std::uint16_t> ports;
    std::vector<int> sockets;  // all are held until there are enough: none is given twice
    for (int attempt = 0; ports.size() < count && attempt < 1000; ++attempt) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(propose());
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr generic{};
        static_assert(sizeof generic == sizeof address);
        std::memcpy(&generic, &address, sizeof generic);
        socklen_t size = sizeof generic;
        sockets.push_back(fd);
        if (::bind(fd, &generic, size) == 0 && ::getsockname(fd, &generic, &size) == 0) {
            std::memcpy(&address, &generic, sizeof address);
            ports.push_back(ntohs(address.sin_port));
        }
    }
    for (const int fd : sockets) {
        ::close(fd);
    }
    if (ports.size() < count) {
        throw std::runtime_error("there is no free port");
    }
    return ports;
}

/// For programs that must know each other's before they start.
inline std::vector<std::uint16_t> free_ports(std::size_t count) {
    return free_ports_of(count, [] { return std::uint16_t{0}; });
}

/// For programs that come back to theirs: below those that the system gives to connections, one of
/// which could have it meanwhile.
inline std::vector<std::uint16_t> lasting_ports(std::size_t count) {
    static thread_local std::mt19937 random(std::random_device{}());
    std::uniform_int_distribution<int> ports(15000, 32000);
    return free_ports_of(count, [&] { return static_cast<std::uint16_t>(ports(random)); });
}

}  // namespace bookstore::test
