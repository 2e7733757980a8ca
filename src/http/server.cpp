#include "http/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <thread>
#include <vector>

#include "http/client_socket.hpp"
#include "http/listener.hpp"
#include "http/worker.hpp"

namespace bookstore::http {

namespace {

constexpr unsigned accepts_at_once = 64;
constexpr auto accept_pause = std::chrono::milliseconds(100);
/// Room for operators: a sixteenth, but for a console and some tools, and no more than that many.
constexpr std::size_t least_operators_room = 8;
constexpr std::size_t most_operators_room = 64;

std::string url_of(const std::string& address, bool speaks_tls) {
    if (address.starts_with("unix:")) {
        return address;
    }
    return (speaks_tls ? "https://" : "http://") + address;
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

/// A listener at work. Of the first worker's thread, once it runs.
struct Server::Acceptor {
    Acceptor(asio::io_context& io, Listening listening, Door at)
        : door(at),
          family(listening.family),
          address(std::move(listening.address)),
          port(listening.port),
          beyond_loopback(listening.beyond_loopback),
          file(std::move(listening.file)),
          socket(io, listening.fd.release()),
          timer(io) {}

    void close() {
        boost::system::error_code ignored;
        socket.close(ignored);
        timer.cancel();
        file.remove();
    }

    const Door door;
    const int family;
    const std::string address;
    const std::uint16_t port;
    const bool beyond_loopback;
    /// Who reaches a unix socket is on this machine, where nobody listens in on the way.
    bool speaks_tls(const Shared& shared) const {
        return shared.identity.has_value() && family != AF_UNIX;
    }

    SocketFile file;
    asio::posix::stream_descriptor socket;
    asio::steady_timer timer;
};

struct Server::Impl {
    Impl(ServerOptions options, Dispatch dispatch, AccessLog access_log);

    void listen(const ListenAddress& where, Door door);
    void start();
    void stop(std::chrono::milliseconds drain);
    void accept_when_ready(Acceptor& acceptor);
    enum class Backlog { empty, more, stuck };  ///< stuck: the system has no descriptor or memory
    Backlog accept_some(Acceptor& acceptor);
    void pause_accepting(Acceptor& acceptor);
    void close_acceptors();

    Shared shared;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<Acceptor>> acceptors;  ///< the operators' is the second
    // Of the first worker's thread, once it runs.
    std::size_t next_worker = 0;

    std::mutex stop_mutex;
    bool stopped = false;
};

Server::Impl::Impl(ServerOptions options, Dispatch dispatch, AccessLog access_log)
    : shared(std::move(options), std::move(dispatch), std::move(access_log)),
      workers(make_workers(shared)) {
    const auto& operators = shared.options.operators;
    listen(shared.options, operators ? Door::customers : Door::only);
    if (operators) {
        listen(*operators, Door::operators);
    }
}

void Server::Impl::listen(const ListenAddress& where, Door door) {
    auto acceptor = std::make_unique<Acceptor>(workers.front()->io(), listen_at(where), door);
    acceptors.push_back(std::move(acceptor));
}

void Server::Impl::start() {
    if (!threads.empty()) {
        return;
    }
    for (const auto& acceptor : acceptors) {
        accept_when_ready(*acceptor);
    }
    for (const auto& worker : workers) {
        threads.emplace_back([&loop = *worker] { loop.run(); });
    }
}

void Server::Impl::accept_when_ready(Acceptor& acceptor) {
    constexpr auto readable = asio::posix::stream_descriptor::wait_read;
    acceptor.socket.async_wait(readable, [this, &acceptor](boost::system::error_code ec) {
        if (ec || shared.draining.load(std::memory_order_acquire)) {
            return;
        }
        if (accept_some(acceptor) == Backlog::stuck) {
            pause_accepting(acceptor);
        } else {
            accept_when_ready(acceptor);
        }
    });
}

/// Takes from the backlog what is there, a bounded number at once.
Server::Impl::Backlog Server::Impl::accept_some(Acceptor& acceptor) {
    const bool tls = acceptor.speaks_tls(shared);
    for (unsigned i = 0; i < accepts_at_once; ++i) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        UniqueFd fd(::accept4(
            acceptor.socket.native_handle(),
            static_cast<sockaddr*>(static_cast<void*>(&peer)),
            &size,
            SOCK_CLOEXEC | SOCK_NONBLOCK
        ));
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
        Accepted accepted{
            .fd = std::move(fd),
            .family = acceptor.family,
            .door = acceptor.door,
            .counted_as = shared.counted_as(address_in(peer), acceptor.door),
            .tls = tls ? shared.identity->context_of(acceptor.door) : TlsContext()
        };
        const Shared::Begin begin = shared.begin_connection(accepted.door, accepted.counted_as);
        if (begin == Shared::Begin::counted) {
            worker.adopt(std::move(accepted));
            continue;
        }
        shared.turned_away.add();
        const bool of_client = begin == Shared::Begin::too_many_of_client;
        if (of_client) {
            shared.turned_away_of_client.add();
        }
        worker.turn_away(std::move(accepted), of_client);
    }
    return Backlog::more;
}

void Server::Impl::pause_accepting(Acceptor& acceptor) {
    acceptor.timer.expires_after(accept_pause);
    acceptor.timer.async_wait([this, &acceptor](boost::system::error_code ec) {
        if (!ec && !shared.draining.load(std::memory_order_acquire)) {
            accept_when_ready(acceptor);
        }
    });
}

void Server::Impl::close_acceptors() {
    for (const auto& acceptor : acceptors) {
        acceptor->close();
    }
}

void Server::Impl::stop(std::chrono::milliseconds drain) {
    const std::lock_guard stopping(stop_mutex);
    if (stopped) {
        return;
    }
    stopped = true;
    shared.draining.store(true, std::memory_order_release);
    if (threads.empty()) {
        close_acceptors();
        return;
    }
    // Counts as a connection, so that the end waits for those that were not accepted yet: closing
    // resets them, and their clients may have sent a request already.
    shared.connections.fetch_add(1, std::memory_order_acq_rel);
    asio::post(workers.front()->io(), [this] {
        for (const auto& acceptor : acceptors) {
            while (accept_some(*acceptor) == Backlog::more) {
            }
        }
        close_acceptors();
        shared.connection_ended(Door::operators, std::nullopt);
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

std::size_t operators_room(const ServerOptions& options) {
    return options.operators
               ? std::clamp(options.max_connections / 16, least_operators_room, most_operators_room)
               : 0;
}

std::size_t share_of_client(const ServerOptions& options) {
    constexpr std::size_t shares = 8;
    return options.max_connections_per_client > 0
               ? options.max_connections_per_client
               : std::max<std::size_t>(options.max_connections / shares, 1);
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
    return impl_->acceptors.front()->address;
}

std::string Server::url() const {
    const Acceptor& acceptor = *impl_->acceptors.front();
    return url_of(acceptor.address, acceptor.speaks_tls(impl_->shared));
}

std::string Server::operators_url() const {
    if (impl_->acceptors.size() < 2) {
        return {};
    }
    const Acceptor& acceptor = *impl_->acceptors.back();
    return url_of(acceptor.address, acceptor.speaks_tls(impl_->shared));
}

bool Server::is_beyond_loopback() const {
    return impl_->acceptors.front()->beyond_loopback;
}

std::uint16_t Server::port() const {
    return impl_->acceptors.front()->port;
}

void Server::start() {
    impl_->start();
}

void Server::stop(std::chrono::milliseconds drain) {
    impl_->stop(drain);
}

std::optional<std::expected<void, std::string>> Server::look_at_tls_files() {
    auto& identity = impl_->shared.identity;
    return identity ? identity->look() : std::nullopt;
}

std::optional<TlsStatus> Server::tls_status() const {
    const auto& identity = impl_->shared.identity;
    return identity ? std::optional(identity->status()) : std::nullopt;
}

ServerStats Server::stats() const {
    ServerStats stats;
    stats.connections = connections();
    stats.accepted = impl_->shared.accepted.value();
    stats.turned_away = impl_->shared.turned_away.value();
    stats.turned_away_of_client = impl_->shared.turned_away_of_client.value();
    for (const auto& worker : impl_->workers) {
        worker->requests.collect(stats);
        worker->handshakes.collect(stats.handshakes);
    }
    return stats;
}

std::size_t Server::connections() const {
    return impl_->shared.connections.load(std::memory_order_acquire);
}

}  // namespace bookstore::http
