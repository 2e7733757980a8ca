#include "http/server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include "http/worker.hpp"

namespace bookstore::http {

namespace {

using asio::ip::tcp;

constexpr int backlog = 4096;
constexpr unsigned accepts_at_once = 64;
constexpr auto accept_pause = std::chrono::milliseconds(100);

std::string unbracketed(const std::string& host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        return host.substr(1, host.size() - 2);
    }
    return host;
}

tcp::endpoint resolve(const ServerOptions& options, asio::io_context& io) {
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(unbracketed(options.host), ec);
    if (!ec) {
        return {address, options.port};
    }
    tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, ec);
    if (ec) {
        throw std::system_error(ec, fmt::format("cannot resolve {}", options.host));
    }
    return found.begin()->endpoint();
}

/// Whether the system has IPv6 at all: where it has not, [::] can only mean 0.0.0.0.
bool has_ipv6() {
    const UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_addr = in6addr_any;
    sockaddr_storage address{};
    std::memcpy(&address, &any, sizeof any);
    return probe.get() >= 0 && ::bind(
                                   probe.get(),
                                   static_cast<const sockaddr*>(static_cast<const void*>(&address)),
                                   sizeof any
                               ) == 0;
}

std::string text_of(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    return fmt::format(
        fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address, endpoint.port()
    );
}

std::vector<std::unique_ptr<Worker>> make_workers(Shared& shared) {
    const unsigned count = std::max(1U, shared.options.threads);
    std::vector<std::unique_ptr<Worker>> workers;
    workers.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        workers.push_back(std::make_unique<Worker>(shared));
    }
    return workers;
}

}  // namespace

struct Server::Impl {
    Impl(ServerOptions options, Dispatch dispatch, AccessLog access_log);

    void listen();
    void start();
    void stop(std::chrono::milliseconds drain);
    void accept_when_ready();
    enum class Backlog { empty, more, stuck };  ///< stuck: the system has no descriptor or memory
    Backlog accept_some();
    void pause_accepting();

    Shared shared;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
    // Of the first worker's thread, once it runs.
    tcp::acceptor acceptor;
    asio::steady_timer accept_timer;
    std::size_t next_worker = 0;

    std::mutex stop_mutex;
    bool stopped = false;
};

Server::Impl::Impl(ServerOptions options, Dispatch dispatch, AccessLog access_log)
    : shared(std::move(options), std::move(dispatch), std::move(access_log)),
      workers(make_workers(shared)),
      acceptor(workers.front()->io()),
      accept_timer(workers.front()->io()) {
    listen();
}

void Server::Impl::listen() {
    tcp::endpoint wanted = resolve(shared.options, workers.front()->io());
    boost::system::error_code ec;
    if (wanted == tcp::endpoint(tcp::v6(), wanted.port()) && !has_ipv6()) {
        wanted = tcp::endpoint(tcp::v4(), wanted.port());
    }
    const auto check = [&] {
        if (ec) {
            throw std::system_error(ec, fmt::format("cannot listen on {}", text_of(wanted)));
        }
    };
    shared.protocol = wanted.protocol();
    acceptor.open(shared.protocol, ec);
    check();
    acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    check();
    if (wanted == tcp::endpoint(tcp::v6(), wanted.port())) {
        // [::] is every address, those of IPv4 too, whatever the system's default is.
        acceptor.set_option(asio::ip::v6_only(false), ec);
        check();
    }
    acceptor.bind(wanted, ec);
    check();
    acceptor.listen(backlog, ec);
    check();
    acceptor.non_blocking(true, ec);
    check();
    shared.options.port = acceptor.local_endpoint().port();
    shared.address = text_of(acceptor.local_endpoint());
}

void Server::Impl::start() {
    if (!threads.empty()) {
        return;
    }
    accept_when_ready();
    for (const auto& worker : workers) {
        threads.emplace_back([&loop = *worker] { loop.run(); });
    }
}

void Server::Impl::accept_when_ready() {
    acceptor.async_wait(tcp::acceptor::wait_read, [this](boost::system::error_code ec) {
        if (ec || shared.draining.load(std::memory_order_acquire)) {
            return;
        }
        if (accept_some() == Backlog::stuck) {
            pause_accepting();
        } else {
            accept_when_ready();
        }
    });
}

/// Takes from the backlog what is there, a bounded number at once.
Server::Impl::Backlog Server::Impl::accept_some() {
    for (unsigned i = 0; i < accepts_at_once; ++i) {
        UniqueFd fd(
            ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)
        );
        if (fd.get() < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                return Backlog::empty;
            }
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                return Backlog::stuck;
            }
            continue;  // this one client's connection failed; the next one may be well
        }
        shared.accepted.add();
        Worker& worker = *workers[next_worker++ % workers.size()];
        const auto before = shared.connections.fetch_add(1, std::memory_order_acq_rel);
        if (before < shared.options.max_connections) {
            worker.adopt(std::move(fd));
        } else {
            shared.connection_ended();
            shared.turned_away.add();
            worker.turn_away(std::move(fd));
        }
    }
    return Backlog::more;
}

void Server::Impl::pause_accepting() {
    accept_timer.expires_after(accept_pause);
    accept_timer.async_wait([this](boost::system::error_code ec) {
        if (!ec && !shared.draining.load(std::memory_order_acquire)) {
            accept_when_ready();
        }
    });
}

void Server::Impl::stop(std::chrono::milliseconds drain) {
    const std::lock_guard stopping(stop_mutex);
    if (stopped) {
        return;
    }
    stopped = true;
    shared.draining.store(true, std::memory_order_release);
    if (threads.empty()) {
        boost::system::error_code ignored;
        acceptor.close(ignored);
        return;
    }
    // Counts as a connection, so that the end waits for those that were not accepted yet: closing
    // resets them, and their clients may have sent a request already.
    shared.connections.fetch_add(1, std::memory_order_acq_rel);
    asio::post(workers.front()->io(), [this] {
        while (accept_some() == Backlog::more) {
        }
        boost::system::error_code ignored;
        acceptor.close(ignored);
        accept_timer.cancel();
        shared.connection_ended();
    });
    for (const auto& worker : workers) {
        worker->drain();
    }
    {
        std::unique_lock lock(shared.mutex);
        shared.none_left.wait_for(lock, drain, [&] { return shared.connections.load() == 0; });
    }
    for (const auto& worker : workers) {
        worker->abort();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

Server::Server(ServerOptions options, Dispatch dispatch, AccessLog access_log)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(dispatch), std::move(access_log))
      ) {}

// If it cannot be stopped, its threads would outlive it: to terminate is right.
// NOLINTNEXTLINE(bugprone-exception-escape)
Server::~Server() {
    impl_->stop(std::chrono::milliseconds(0));
}

void Server::set_hooks(Hooks hooks) {
    impl_->shared.hooks = std::move(hooks);
}

std::string Server::address() const {
    return impl_->shared.address;
}

std::uint16_t Server::port() const {
    return impl_->shared.options.port;
}

void Server::start() {
    impl_->start();
}

void Server::stop(std::chrono::milliseconds drain) {
    impl_->stop(drain);
}

ServerStats Server::stats() const {
    ServerStats stats;
    stats.connections = connections();
    stats.accepted = impl_->shared.accepted.value();
    stats.turned_away = impl_->shared.turned_away.value();
    for (const auto& worker : impl_->workers) {
        worker->requests.collect(stats);
    }
    return stats;
}

std::size_t Server::connections() const {
    return impl_->shared.connections.load(std::memory_order_acquire);
}

}  // namespace bookstore::http
