#include "clients.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <numeric>
#include <stdexcept>

#include "http/client.hpp"
#include "keep_alive.hpp"

namespace bookstore::bench {

std::string get_request(const std::string& target) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", target);
}

std::string post_request(const std::string& target, const std::string& json) {
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        target,
        json.size(),
        json
    );
}

std::string order_request(std::int64_t customer, std::int64_t book) {
    return post_request(
        "/orders",
        fmt::format(
            R"({{"bookId":{},"customerId":{},"quantity":1,"deliveryAddress":"busan si",)"
            R"("payAmount":1000.0,"payType":"ONCE"}})",
            book,
            customer
        )
    );
}

Clients::Clients(const std::string& url, std::size_t connections) {
    const http::Url parsed = http::parse_url(url);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    clients_.resize(connections);
    for (std::size_t i = 0; i < connections; ++i) {
        clients_[i].fd = connected(parsed.host, parsed.port);
        epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_[i].fd, &event);
    }
}

Clients::~Clients() {
    for (const Client& client : clients_) {
        if (client.fd >= 0) {
            close(client.fd);
        }
    }
    close(epoll_);
}

void Clients::send(Client& client, const std::string& request, Clock::time_point due) {
    client.due = due;
    const ssize_t sent = ::send(client.fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request.size())) {
        throw std::runtime_error("the server closed a connection");
    }
}

bool Clients::receive(Client& client, int status) {
    std::array<char, 1 << 14> buffer{};
    const ssize_t got = read(client.fd, buffer.data(), buffer.size());
    if (got <= 0) {
        throw std::runtime_error("the server closed a connection");
    }
    client.bytes.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t header_end = client.bytes.find("\r\n\r\n");
    if (header_end == std::string::npos) {
        return false;
    }
    constexpr std::string_view name = "Content-Length: ";
    const std::size_t at = client.bytes.find(name);
    if (at == std::string::npos || at > header_end) {
        throw std::runtime_error("answered without a length: " + client.bytes);
    }
    const std::size_t length = std::strtoul(client.bytes.c_str() + at + name.size(), nullptr, 10);
    if (client.bytes.size() < header_end + 4 + length) {
        return false;
    }
    if (!client.bytes.starts_with(fmt::format("HTTP/1.1 {} ", status))) {
        throw std::runtime_error("not " + std::to_string(status) + ": " + client.bytes);
    }
    client.bytes.clear();
    return true;
}

std::vector<std::size_t> Clients::answered(int status, double ms) {
    std::array<epoll_event, 256> ready{};
    timespec limit{};
    limit.tv_sec = static_cast<std::time_t>(ms / 1000);
    limit.tv_nsec = static_cast<long>((ms - static_cast<double>(limit.tv_sec) * 1000) * 1e6);
    const int count = epoll_pwait2(epoll_, ready.data(), ready.size(), &limit, nullptr);
    std::vector<std::size_t> done;
    for (int i = 0; i < count; ++i) {
        const std::size_t place = ready.at(static_cast<std::size_t>(i)).data.u64;
        if (receive(clients_[place], status)) {
            done.push_back(place);
        }
    }
    return done;
}

Answered Clients::ask(const Asking& asking) {
    constexpr double patience_ms = 30'000;
    using Ms = std::chrono::duration<double, std::milli>;
    const auto start = Clock::now();
    const std::size_t active = std::min(asking.active, clients_.size());
    std::deque<std::size_t> idle(active);
    std::iota(idle.begin(), idle.end(), 0U);
    std::int64_t sent = 0;
    Answered result;
    const bool paced = asking.rate_per_s > 0;
    const auto due = [&] {  // when the next one is to be sent
        const Ms at(paced ? static_cast<double>(sent) * 1000 / asking.rate_per_s : 0);
        return start + std::chrono::duration_cast<Clock::duration>(at);
    };
    const auto wanted = [&] {
        const auto next = paced ? due() : Clock::now();
        return asking.count > 0 ? sent < asking.count
                                : Ms(next - start).count() < asking.seconds * 1000;
    };
    for (;;) {
        while (!idle.empty() && wanted() && due() <= Clock::now()) {
            send(clients_[idle.front()], asking.request, paced ? due() : Clock::now());
            idle.pop_front();
            ++sent;
        }
        if (!wanted() && result.count == sent) {
            break;
        }
        const bool waits_for_time = !idle.empty() && wanted();
        const double left = waits_for_time ? Ms(due() - Clock::now()).count() : patience_ms;
        const auto done = answered(asking.status, std::max(left, 0.0));
        if (done.empty() && !waits_for_time) {
            throw std::runtime_error("no answer within 30 s");
        }
        for (const std::size_t place : done) {
            result.ms.push_back(Ms(Clock::now() - *clients_[place].due).count());
            ++result.count;
            idle.push_back(place);
        }
    }
    result.seconds = Ms(Clock::now() - start).count() / 1000;
    return result;
}

}  // namespace bookstore::bench
