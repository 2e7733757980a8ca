#include "keep_alive.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "http/client.hpp"

namespace bookstore::bench {

int connected(const std::string& host, const std::string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
        throw std::runtime_error("there is no host " + host);
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    const int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        throw std::runtime_error(fmt::format("nobody listens on {}:{}", host, port));
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

KeepAlive::KeepAlive(const std::string& url) {
    const http::Url parsed = http::parse_url(url);
    host_ = parsed.host + ":" + parsed.port;
    fd_ = connected(parsed.host, parsed.port);
}

KeepAlive::~KeepAlive() {
    close(fd_);
}

void KeepAlive::read_until(std::size_t size) {
    while (bytes_.size() < size) {
        const ssize_t got = read(fd_, buffer_.data(), buffer_.size());
        if (got <= 0) {
            throw std::runtime_error("the server closed the connection");
        }
        bytes_.append(buffer_.data(), static_cast<std::size_t>(got));
    }
}

KeepAlive::Answer KeepAlive::get(const std::string& target) {
    return exchange(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target, host_));
}

KeepAlive::Answer KeepAlive::post(const std::string& target, const std::string& json) {
    return exchange(fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        target,
        host_,
        json.size(),
        json
    ));
}

KeepAlive::Answer KeepAlive::exchange(const std::string& request) {
    const auto start = std::chrono::steady_clock::now();
    if (write(fd_, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
        throw std::runtime_error("the server closed the connection");
    }
    std::size_t header_end = std::string::npos;
    while ((header_end = bytes_.find("\r\n\r\n")) == std::string::npos) {
        read_until(bytes_.size() + 1);
    }
    constexpr std::string_view length_name = "Content-Length: ";
    const std::size_t length_at = bytes_.find(length_name);
    if (length_at == std::string::npos || length_at > header_end) {
        throw std::runtime_error("answered without a length: " + request);
    }
    const std::size_t begin = header_end + 4;
    const std::size_t length = std::stoul(bytes_.substr(length_at + length_name.size(), 20));
    read_until(begin + length);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    Answer answer;
    answer.ms = took.count();
    answer.status = std::stoi(bytes_.substr(std::string_view("HTTP/1.1 ").size(), 3));
    answer.header = bytes_.substr(0, begin);
    answer.body = bytes_.substr(begin, length);
    bytes_.erase(0, begin + length);
    return answer;
}

}  // namespace bookstore::bench
