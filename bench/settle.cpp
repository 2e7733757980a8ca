// Places orders over HTTP and waits until every one is settled: shipped, paid, and in both read
// models. Used by scripts/bench.
//
//     settle --port P --data-dir DIR --orders N [--connections C]    places N orders, then waits
//     settle --port P --data-dir DIR --orders 0                      waits for those that were
//     placed
//
// How far the contexts came is read from their files, read-only: that costs the server nothing.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Options {
    int port = 8080;
    std::string data_dir;
    std::int64_t orders = 1000;
    int connections = 64;
};

// ---- load

const std::string& order_request() {
    static const std::string request = [] {
        const std::string body =
            R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan si",)"
            R"("payAmount":1000.0,"payType":"ONCE"})";
        return fmt::format(
            "POST /orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            "Content-Length: {}\r\n\r\n{}",
            body.size(),
            body
        );
    }();
    return request;
}

int connected(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* raw = &address;
    if (connect(fd, static_cast<const sockaddr*>(raw), sizeof address) != 0) {
        throw std::runtime_error("cannot connect");
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void send_order(int fd) {
    const std::string& request = order_request();
    if (write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
        throw std::runtime_error("cannot write");
    }
}

/// One connection's answer so far.
struct Answer {
    std::string bytes;

    /// true: a whole answer was taken off. It must be 201.
    bool complete() {
        const auto header_end = bytes.find("\r\n\r\n");
        if (header_end == std::string::npos) {
            return false;
        }
        const auto length_at = bytes.find("Content-Length: ");
        const std::size_t length = std::strtoul(bytes.c_str() + length_at + 16, nullptr, 10);
        if (bytes.size() < header_end + 4 + length) {
            return false;
        }
        if (!bytes.starts_with("HTTP/1.1 201")) {
            throw std::runtime_error("not created: " + bytes);
        }
        bytes.erase(0, header_end + 4 + length);
        return true;
    }
};

/// Every connection sends its next order when the last one was answered.
void place_orders(const Options& options) {
    const int epoll = epoll_create1(0);
    std::vector<int> sockets;
    std::vector<Answer> answers(static_cast<std::size_t>(options.connections));
    std::int64_t sent = 0;
    std::int64_t answered = 0;
    for (int i = 0; i < options.connections && sent < options.orders; ++i, ++sent) {
        sockets.push_back(connected(options.port));
        epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets.back(), &event);
        send_order(sockets.back());
    }
    std::vector<epoll_event> ready(sockets.size());
    char buffer[4096];
    while (answered < options.orders) {
        const int count = epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), -1);
        for (int i = 0; i < count; ++i) {
            const std::size_t place = ready[static_cast<std::size_t>(i)].data.u32;
            const ssize_t got = read(sockets[place], buffer, sizeof buffer);
            if (got <= 0) {
                throw std::runtime_error("the server closed a connection");
            }
            answers[place].bytes.append(buffer, static_cast<std::size_t>(got));
            if (answers[place].complete()) {
                ++answered;
                if (sent < options.orders) {
                    ++sent;
                    send_order(sockets[place]);
                }
            }
        }
    }
    std::ranges::for_each(sockets, close);
    close(epoll);
}

// ---- how far it came

class File {
  public:
    File(const Options& options, const std::string& name) {
        const std::string path = options.data_dir + "/" + name + ".db";
        if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) {
            throw std::runtime_error("cannot open " + path);
        }
        sqlite3_busy_timeout(db_, 5000);
    }
    ~File() { sqlite3_close(db_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    std::int64_t number(const char* sql) const {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) {
            throw std::runtime_error(sqlite3_errmsg(db_));
        }
        const bool row = sqlite3_step(statement) == SQLITE_ROW;
        const std::int64_t value = row ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_finalize(statement);
        return value;
    }

  private:
    sqlite3* db_ = nullptr;
};

class Progress {
  public:
    explicit Progress(const Options& options)
        : topic_(options, "topic"),
          customer_(options, "customer"),
          inventory_(options, "inventory"),
          order_(options, "order"),
          delivery_(options, "delivery"),
          payment_(options, "payment"),
          history_(options, "payment_history") {}

    std::int64_t orders() const { return order_.number("SELECT max(id) FROM orders"); }

    /// Events behind the slowest subscription's cursor, with those that are still in an outbox.
    std::int64_t lag() const {
        constexpr auto cursor = "SELECT min(position) FROM subscription";
        std::int64_t slowest = customer_.number(cursor);
        for (const File* file : {&inventory_, &order_, &delivery_, &payment_, &history_}) {
            slowest = std::min(slowest, file->number(cursor));
        }
        std::int64_t unrelayed = 0;
        for (const auto& [file, source] :
             {std::pair{&order_, "order"}, {&inventory_, "inventory"}, {&payment_, "payment"}}) {
            const std::string sql =
                fmt::format("SELECT position FROM relayed WHERE source = '{}'", source);
            unrelayed += file->number("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'") -
                         topic_.number(sql.c_str());
        }
        return topic_.number("SELECT max(position) FROM event") - slowest + unrelayed;
    }

    bool settled(std::int64_t orders) const {
        const bool recorded = history_.number("SELECT max(id) FROM payment_history") >= orders &&
                              customer_.number("SELECT max(id) FROM my_page") >= orders;
        return recorded && all(customer_, "my_page", "order_status = 'Shipped'", orders) &&
               all(customer_, "my_page", "pay_status = 'PAYMENT_COMPLETED'", orders) &&
               all(order_, "orders", "status = 'Shipped'", orders);
    }

  private:
    /// The last row first: it nearly always decides, and a count reads them all.
    static bool all(
        const File& file, const std::string& table, const std::string& what, std::int64_t orders
    ) {
        const std::string last =
            fmt::format("SELECT {} FROM {} WHERE id = {}", what, table, orders);
        const std::string count =
            fmt::format("SELECT count(*) FROM {} WHERE {} AND id <= {}", table, what, orders);
        return file.number(last.c_str()) == 1 && file.number(count.c_str()) == orders;
    }

    File topic_;
    File customer_;
    File inventory_;
    File order_;
    File delivery_;
    File payment_;
    File history_;
};

void run(const Options& options) {
    const Progress progress(options);
    const auto start = Clock::now();
    const std::int64_t before = options.orders > 0 ? progress.orders() : 0;
    if (options.orders > 0) {
        place_orders(options);
    }
    const double placed = since(start);
    const std::int64_t orders = progress.orders();
    const std::int64_t lag = progress.lag();
    const auto waiting = Clock::now();
    while (!progress.settled(orders)) {
        if (since(waiting) > 300) {
            throw std::runtime_error("not settled within 300 s");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const double total = since(start);
    const auto count = static_cast<double>(orders - before);
    fmt::print(
        "orders={} placed_per_s={:.0f} lag_events={} drain_s={:.3f} settled_per_s={:.0f}\n",
        orders - before,
        options.orders > 0 ? count / placed : 0,
        lag,
        since(waiting),
        options.orders > 0 ? count / total : 0
    );
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Places orders and waits until they are settled");
    app.add_option("--port", options.port)->required();
    app.add_option("--data-dir", options.data_dir)->required();
    app.add_option("--orders", options.orders, "0: only wait")->capture_default_str();
    app.add_option("--connections", options.connections)->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "settle: {}\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
