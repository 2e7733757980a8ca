#include "hostility.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "support/authority.hpp"

namespace bookstore::test {
namespace {

const std::string json_type = "Content-Type: application/json\r\n";
constexpr unsigned io_threads = 2;

/// A socket is a descriptor, here and there (a child inherits the limit).
void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> with_threads(std::vector<std::string> flags) {
    raise_descriptor_limit();
    flags.insert(flags.end(), {"--threads", std::to_string(io_threads)});
    flags.insert(flags.end(), {"--log-level", "warning"});
    // A busy machine's large page may take its time; attackers who hold on are not waited for.
    flags.insert(flags.end(), {"--read-timeout", "20000"});
    flags.insert(flags.end(), {"--drain-timeout", "1000"});
    if (is_secure()) {
        static const Authority authority;
        static const auto pair = authority.issue("server");
        flags.insert(flags.end(), {"--tls-cert", pair.certificate, "--tls-key", pair.key});
        ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);
        RawClient::everywhere = tls_client_context();
    }
    return flags;
}

std::string order_of(const std::string& address) {
    return fmt::format(
        R"({{"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"{}"}})", address
    );
}

/// A line of /proc/PID/status, in MiB.
double memory_mib(pid_t pid, const std::string& name) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":")) {
            return std::stod(line.substr(name.size() + 1)) / 1024;
        }
    }
    throw std::runtime_error("no " + name);
}

}  // namespace

bool memory_is_measured() {
    return !binary_is_sanitized();
}

Hostility::Hostility(std::vector<std::string> flags, int orders)
    : story_(with_threads(std::move(flags))) {
    story_.given_customer();
    story_.given_book(100'000'000);
    constexpr int customers = 16;
    std::vector<std::jthread> threads;
    for (int i = 0; i < customers && orders > 0; ++i) {
        threads.emplace_back([this, count = orders / customers] {
            for (int order = 0; order < count; ++order) {
                placed_ += story_.post("/orders", order_of(std::string(255, 'x'))).status == 201;
            }
        });
    }
    threads.clear();
    REQUIRE(placed_ == orders / customers * customers);
}

RawClient Hostility::connect(int receive_buffer_bytes) {
    return RawClient(story_.port(), receive_buffer_bytes);
}

RawClient Hostility::connect_from(const char* from) {
    return RawClient(story_.port(), 0, RawClient::everywhere, from);
}

RawClient Hostility::connect_plainly(const char* from) {
    return RawClient(story_.port(), 0, nullptr, from);
}

std::vector<RawClient> Hostility::connect(
    std::size_t count, const std::string& bytes, int receive_buffer_bytes
) {
    std::vector<RawClient> clients;
    clients.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(connect(receive_buffer_bytes));
        REQUIRE(clients.back().send(bytes));
    }
    return clients;
}

void Hostility::buy(RawClient& kept) {
    const auto order = story_.post("/orders", order_of("honest street"));
    CHECK(order.status == 201);
    if (order.status != 201) {
        return;
    }
    ++placed_;
    kept.send(fmt::format("GET /orders/{} HTTP/1.1\r\nHost: a\r\n\r\n", order.id()));
    const Reply read = kept.reply();
    CHECK(read.status == 200);
    CHECK(read.body.find("honest street") != std::string::npos);
    ++rounds_;
}

void Hostility::honest_rounds(int rounds) {
    auto kept = connect();
    for (int i = 0; i < rounds; ++i) {
        buy(kept);
    }
}

void Hostility::honest_beside(const std::function<void()>& attack, int rounds) {
    std::atomic<bool> over = false;
    std::jthread attackers([&] {
        attack();
        over = true;
    });
    auto kept = connect();
    for (int i = 0; i < rounds || !over; ++i) {
        buy(kept);
    }
}

/// 32 MiB of the process itself, 16 of recent events, a body of JSON that each thread takes apart,
/// and SQLite's 2 MiB a connection: of eight files a writer's, a reader's for every I/O thread, its
/// module's, and another context's or the relay's.
double Hostility::caches_mib() const {
    return 32 + 16 + io_threads * 32 * 1 + 8 * (1 + io_threads + 2) * 2;
}

double Hostility::tls_mib() {
    return is_secure() ? 48 * kib : 0;
}

double Hostility::resident_mib() {
    return memory_mib(story_.process().pid(), "VmRSS");
}

void Hostility::check_memory(const std::string& scenario, double connections, double mib_each) {
    const double peak = memory_mib(story_.process().pid(), "VmHWM");
    const double bound = connections * (mib_each + tls_mib()) + caches_mib();
    if (memory_is_measured()) {
        MESSAGE(fmt::format("{}: at most {:.1f} MiB, bound {:.1f} MiB", scenario, peak, bound));
        CHECK(peak < bound);
    }
}

void Hostility::ends_well() {
    CHECK(rounds_ >= 20);
    CHECK(story_.get("/isHealthy").status == 200);
    CHECK(story_.of("/orders?size=1", "page.totalElements") == std::to_string(placed_));
    CHECK(story_.ends_with() == "");
}

}  // namespace bookstore::test
