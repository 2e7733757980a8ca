#include "http/worker.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <random>
#include <string_view>

#include "base/clock.hpp"
#include "http/connection.hpp"
#include "http/message.hpp"

namespace bookstore::http {

namespace {

constexpr std::chrono::milliseconds farewell_time{500};

std::chrono::milliseconds sweep_period_of(const ServerOptions& options) {
    const auto shortest = std::min(
        {options.idle_timeout,
         options.header_timeout,
         options.body_timeout,
         options.write_timeout,
         options.heartbeat}
    );
    using std::chrono::milliseconds;
    return std::clamp(shortest / 8, milliseconds(5), milliseconds(250));
}

/// Appends the number in base 36.
void append_short(std::string& out, std::uint64_t number) {
    constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::array<char, 13> text;
    std::size_t begin = text.size();
    do {
        text[--begin] = digits[number % digits.size()];
        number /= digits.size();
    } while (number != 0);
    out.append(text.data() + begin, text.size() - begin);
}

std::string random_prefix() {
    std::random_device random;
    std::string prefix;
    // 36^5 up to 36^6 - 1: always six digits, which leaves a short string room for the count.
    append_short(
        prefix, std::uniform_int_distribution<std::uint64_t>(60'466'176, 2'176'782'335)(random)
    );
    return prefix + '-';
}

}  // namespace

std::optional<ClientKey> Shared::counted_as(const std::optional<IpAddress>& client, Door door)
    const {
    const bool spared = !client || door == Door::operators ||
                        (options.max_connections_per_client == 0 && is_loopback(*client)) ||
                        contains(options.trusted_proxies, *client);
    return spared ? std::nullopt : std::optional(key_of(*client));
}

Shared::Begin Shared::begin_connection(Door door, const std::optional<ClientKey>& client) {
    if (client && !shares->begin(*client)) {
        return Begin::too_many_of_client;
    }
    const std::size_t room = operators_room(options);
    // Where there are few, the room is beside them.
    const std::size_t customers_most = options.max_connections > 2 * room
                                           ? options.max_connections - room
                                           : options.max_connections;
    const auto all = connections.fetch_add(1, std::memory_order_acq_rel);
    const auto of_customers =
        door == Door::customers ? customers_connections.fetch_add(1, std::memory_order_acq_rel) : 0;
    if (all < customers_most + room && of_customers < customers_most) {
        return Begin::counted;
    }
    connection_ended(door, client);
    return Begin::too_many;
}

void Shared::connection_ended(Door door, const std::optional<ClientKey>& client) {
    if (client) {
        shares->end(*client);
    }
    if (door == Door::customers) {
        customers_connections.fetch_sub(1, std::memory_order_acq_rel);
    }
    if (connections.fetch_sub(1, std::memory_order_acq_rel) != 1) {
        return;
    }
    // Under the lock: else stop() could read the count before this and sleep after the
    // notification.
    const std::lock_guard lock(mutex);
    none_left.notify_all();
}

Worker::Worker(Shared& shared_state)
    : shared(shared_state),
      work_(asio::make_work_guard(io_)),
      mailbox_(std::make_shared<Mailbox>([this] {
          asio::post(io_, [mailbox = mailbox_] { mailbox->deliver(); });
      })),
      sweep_timer_(io_),
      sweep_period_(sweep_period_of(shared.options)),
      id_prefix_(random_prefix()) {}

Worker::~Worker() {
    mailbox_->close();
}

void Worker::run() {
    for (;;) {
        try {
            io_.run();
            return;
        } catch (const std::exception& error) {
            if (shared.hooks.error_log) {
                shared.hooks.error_log({}, error.what());
            }
        }
    }
}

void Worker::adopt(Accepted accepted) {
    asio::post(io_, [this, one = std::move(accepted)]() mutable { serve(std::move(one)); });
}

void Worker::turn_away(Accepted accepted, bool of_client) {
    asio::post(io_, [this, of_client, one = std::move(accepted)]() mutable {
        say_farewell(std::move(one), of_client);
    });
}

void Worker::drain() {
    asio::post(io_, [this] {
        // From the back: one that ends takes itself off the list, and the last into its place.
        for (std::size_t i = connections_.size(); i-- > 0;) {
            connections_[i]->drain();
        }
    });
}

void Worker::abort() {
    asio::post(io_, [this] {
        aborted_ = true;
        mailbox_->close();
        for (std::size_t i = connections_.size(); i-- > 0;) {
            connections_[i]->abort();
        }
        farewells_.clear();
        sweep_timer_.cancel();
        work_.reset();
    });
}

std::string Worker::next_request_id() {
    std::string id = id_prefix_;
    append_short(id, ++id_count_);
    return id;
}

Awaitable<void> Turns::wait() {
    constexpr Token use_await;
    auto initiation = [this](auto handler) { queue(std::move(handler)); };
    return asio::async_initiate<const Token, void()>(initiation, use_await);
}

void Turns::queue(Resume resume) {
    waiting_.push_back(std::move(resume));
    if (waiting_.size() == 1) {
        asio::post(io_, [this] { take(); });
    }
}

void Turns::take() {
    Resume resume = std::move(waiting_.front());
    waiting_.pop_front();
    if (!waiting_.empty()) {
        asio::post(io_, [this] { take(); });
    }
    std::move(resume)();
}

void Worker::notice_tls(std::string_view peer) {
    const auto& notice = shared.hooks.notice;
    if (notice && !shared.noticed_tls.exchange(true, std::memory_order_relaxed)) {
        notice(fmt::format(
            "{} speaks TLS (https) where plain HTTP is served, and was cut off; said once", peer
        ));
    }
}

void Worker::serve(Accepted accepted) {
    boost::system::error_code failed;
    Socket socket(io_);
    if (!aborted_) {
        socket.assign(Socket::protocol_type(accepted.family, 0), accepted.fd.get(), failed);
    } else {
        failed = asio::error::operation_aborted;
    }
    if (failed) {
        shared.connection_ended(accepted.door, accepted.counted_as);
        return;
    }
    accepted.fd.release();
    socket.non_blocking(true, failed);
    if (accepted.family != AF_UNIX) {
        socket.set_option(asio::ip::tcp::no_delay(true), failed);
    }
    connections_.push_back(std::make_unique<Connection>(*this, std::move(socket), accepted));
    Connection& connection = *connections_.back();
    connection.index = connections_.size() - 1;
    schedule_sweep();
    asio::co_spawn(
        io_.get_executor(),
        connection.run(),
        [this, &connection](const std::exception_ptr&) { remove(connection); }
    );
}

/// What the client has sent is read: a socket that is closed with something unread is reset, and
/// the client may lose its answer.
void Worker::end_farewell(const Farewell& farewell) {
    std::array<char, 4096> unread;
    constexpr unsigned most_reads = 16;
    for (unsigned i = 0; i < most_reads; ++i) {
        if (::recv(farewell.fd.get(), unread.data(), unread.size(), MSG_DONTWAIT) <= 0) {
            return;
        }
    }
}

std::string Worker::farewell_text(bool of_client) {
    Problem problem{
        503, "The server has all the connections that it takes.", {}, {{"Retry-After", "1"}}
    };
    if (of_client) {
        problem.status = 429;
        problem.message = fmt::format(
            "One client may have {} connections at a time, and has them.", shared.shares->most()
        );
    }
    const Response response = render_problem(problem, "", SystemClock().now_ms());
    HeadOptions head;
    head.date = date.now();
    head.connection = HeadOptions::Connection::close;
    head.content_length = response.body.size();
    std::string text;
    append_head(text, response, head);
    return text + response.body;
}

void Worker::say_farewell(Accepted accepted, bool of_client) {
    UniqueFd fd = std::move(accepted.fd);
    // A handshake would cost what is short. So TLS' word for "something is wrong here".
    constexpr std::string_view internal_error_alert{"\x15\x03\x03\x00\x02\x02\x50", 7};
    const std::string text =
        accepted.tls ? std::string(internal_error_alert) : farewell_text(of_client);
    // It fits into a new socket's buffer. If it does not, the client gets no answer.
    [[maybe_unused]] const auto sent =
        ::send(fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(fd.get(), SHUT_WR);
    if (farewells_.size() >= shared.options.max_turned_away) {
        end_farewell(farewells_.front());
        farewells_.pop_front();
    }
    farewells_.push_back({std::move(fd), std::chrono::steady_clock::now() + farewell_time});
    schedule_sweep();
}

void Worker::remove(Connection& connection) {
    const std::size_t index = connection.index;
    const Door door = connection.door();
    const auto counted_as = connection.counted_as();
    std::swap(connections_[index], connections_.back());
    connections_[index]->index = index;
    connections_.pop_back();
    shared.connection_ended(door, counted_as);
}

/// The one timer of the thread: deadlines are checked now and then, so that setting one costs no
/// timer operation. It does not run while there is no connection.
void Worker::schedule_sweep() {
    if (sweeping_) {
        return;
    }
    sweeping_ = true;
    sweep_timer_.expires_after(sweep_period_);
    sweep_timer_.async_wait([this](boost::system::error_code ec) {
        sweeping_ = false;
        if (!ec) {
            sweep();
        }
    });
}

void Worker::sweep() {
    const auto now = std::chrono::steady_clock::now();
    while (!farewells_.empty() && farewells_.front().until <= now) {
        end_farewell(farewells_.front());
        farewells_.pop_front();
    }
    for (std::size_t i = connections_.size(); i-- > 0;) {
        connections_[i]->sweep(now);
    }
    if (!connections_.empty() || !farewells_.empty()) {
        schedule_sweep();
    }
}

}  // namespace bookstore::http
