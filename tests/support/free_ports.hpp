#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace bookstore::test {

/// So many ports of 127.0.0.1 that nobody has at the moment, each another one: for programs that
/// must know each other's before they start.
inline std::vector<std::uint16_t> free_ports(std::size_t count) {
    std::vector<std::uint16_t> ports;
    std::vector<int> sockets;  // all are held until there are enough: none is given twice
    while (ports.size() < count) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr generic{};
        static_assert(sizeof generic == sizeof address);
        std::memcpy(&generic, &address, sizeof generic);
        socklen_t size = sizeof generic;
        sockets.push_back(fd);
        if (::bind(fd, &generic, size) != 0 || ::getsockname(fd, &generic, &size) != 0) {
            throw std::runtime_error("there is no free port");
        }
        std::memcpy(&address, &generic, sizeof address);
        ports.push_back(ntohs(address.sin_port));
    }
    for (const int fd : sockets) {
        ::close(fd);
    }
    return ports;
}

}  // namespace bookstore::test
