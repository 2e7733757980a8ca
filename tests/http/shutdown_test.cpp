#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "http_server/raw_client.hpp"
#include "story.hpp"

using namespace bookstore::test;

namespace {

/// Clients that place orders until their server ends; what was promised is kept.
class Clients {
  public:
    Clients(const std::string& url, int count) {
        for (int c = 0; c < count; ++c) {
            threads_.emplace_back([this, url, c] { run(url, c); });
        }
    }
    /// Waits for their end.
    std::map<std::int64_t, std::string> promises() {
        threads_.clear();
        return promised_;
    }
    std::string broken() const { return broken_; }
    int answers() const { return answers_; }

  private:
    void run(const std::string& url, int client) {
        try {
            for (int i = 0;; ++i) {
                const std::string address = fmt::format("busan {}-{}", client, i);
                const auto got = bookstore::http::fetch(
                    Method::post,
                    bookstore::http::parse_url(url + "/orders"),
                    fmt::format(
                        R"({{"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"{}"}})",
                        address
                    )
                );
                ++answers_;
                const std::scoped_lock lock(mutex_);
                if (got.status == 201) {
                    promised_[Answer{got.status, got.headers, got.body}.id()] = address;
                } else if (got.status != 503) {
                    broken_ += got.body;
                }
            }
        } catch (const std::system_error& error) {
            // Refused or closed before an answer: nothing was promised.
            const std::scoped_lock lock(mutex_);
            const std::string what = error.what();
            if (what.find("broken answer") != std::string::npos) {
                broken_ += what;
            }
        }
    }

    std::mutex mutex_;
    std::map<std::int64_t, std::string> promised_;
    std::string broken_;
    std::atomic<int> answers_ = 0;
    std::vector<std::jthread> threads_;
};

/// Customers who keep their connection until it ends. Then they wait for the next process, and
/// repeat there what got no answer, with the same Idempotency-Key.
class Regulars {
  public:
    struct Order {
        std::string address;
        std::string key;
        std::int64_t id = 0;
        bool asked_twice = false;  ///< a connection had ended without an answer to it
    };

    Regulars(const std::string& port, int count) : port_(number(port)) {
        for (int c = 0; c < count; ++c) {
            threads_.emplace_back([this, c] { run(c); });
        }
    }
    ~Regulars() { leave(); }
    Regulars(const Regulars&) = delete;
    Regulars& operator=(const Regulars&) = delete;

    void go_to(const std::string& port) {
        port_ = number(port);
        port_.notify_all();
    }
    int answers() const { return answers_; }
    /// Waits for their end: what they ordered.
    std::vector<Order> leave() {
        left_ = true;
        go_to("0");
        threads_.clear();
        return orders_;
    }
    std::string broken() const { return broken_; }

  private:
    static std::uint16_t number(const std::string& port) {
        return static_cast<std::uint16_t>(std::stoi(port));
    }

    void run(int customer) {
        try {
            std::uint16_t port = port_;
            std::optional<RawClient> connection(std::in_place, port);
            for (int i = 0; !left_; ++i) {
                Order order{
                    fmt::format("busan {}-{}", customer, i), fmt::format("{}-{}", customer, i)
                };
                while (!place(*connection, order)) {
                    order.asked_twice = true;
                    port_.wait(port);
                    port = port_;
                    if (left_) {
                        return;
                    }
                    connection.emplace(port);
                }
                ++answers_;
                const std::scoped_lock lock(mutex_);
                orders_.push_back(order);
            }
        } catch (const std::runtime_error& error) {
            const std::scoped_lock lock(mutex_);
            broken_ += error.what();
        }
    }

    /// False if the connection ended without a byte of an answer; throws when there is another
    /// answer than 201, or part of one.
    static bool place(RawClient& connection, Order& order) {
        const std::string body = fmt::format(
            R"({{"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"{}"}})", order.address
        );
        connection.send(fmt::format(
            "POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {}\r\nContent-Length: "
            "{}\r\n\r\n{}",
            order.key,
            body.size(),
            body
        ));
        try {
            connection.find("HTTP/1.1 ");
        } catch (const std::runtime_error&) {
            return false;
        }
        const Reply reply = connection.reply();
        if (reply.status != 201) {
            throw std::runtime_error(reply.head + reply.body);
        }
        const std::string location = reply.header("location");
        order.id = std::stoll(location.substr(location.rfind('/') + 1));
        return true;
    }

    std::mutex mutex_;
    std::vector<Order> orders_;
    std::string broken_;
    std::atomic<std::uint16_t> port_;
    std::atomic<bool> left_ = false;
    std::atomic<int> answers_ = 0;
    std::vector<std::jthread> threads_;
};

/// Asks /isReady on one connection until that ends: the statuses, in order.
std::vector<int> readiness_until_the_end(
    const std::stop_token& stop, const std::string& port, std::atomic<int>& asked
) {
    std::vector<int> statuses;
    RawClient probe(static_cast<std::uint16_t>(std::stoi(port)));
    try {
        while (!stop.stop_requested()) {
            probe.send("GET /isReady HTTP/1.1\r\nHost: a\r\n\r\n");
            statuses.push_back(probe.reply().status);
            ++asked;
        }
    } catch (const std::runtime_error&) {
        // It has ended.
    }
    return statuses;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

}  // namespace

TEST_CASE("SIGTERM and SIGINT under load: exit 0, and nothing that was acknowledged is lost") {
    for (const int number : {SIGTERM, SIGINT}) {
        Story story;
        story.given_customer();
        story.given_book(100'000);
        Clients clients(story.process().url(), 4);
        REQUIRE(eventually([&] { return clients.answers() > 200; }));

        story.process().signal(number);

        CHECK(story.process().wait() == 0);
        const auto promised = clients.promises();
        CHECK(clients.broken() == "");
        story.start();
        CHECK(story.of("/orders", "page.totalElements") == std::to_string(promised.size()));
        for (const auto& [id, address] : promised) {
            CHECK(story.of(fmt::format("/orders/{}", id), "deliveryAddress") == address);
        }
        CHECK(story.order_becomes(static_cast<std::int64_t>(promised.size()), "Shipped"));
        CHECK(story.ends_with() == "");
    }
}

TEST_CASE("a process takes over from one that got SIGTERM: nothing is cut, lost or done twice") {
    Story story({"--drain-delay", "2000"});
    story.given_customer();
    story.given_book(100'000);
    Regulars regulars(story.process().port(), 4);
    std::vector<int> ready;
    std::atomic<int> asked = 0;
    std::jthread probe([&, port = story.process().port()](const std::stop_token& stop) {
        ready = readiness_until_the_end(stop, port, asked);
    });
    const auto under_way = [&] { return regulars.answers() > 200 && asked > 0; };
    REQUIRE(eventually(under_way, std::chrono::seconds(60)));

    story.process().signal(SIGTERM);

    CHECK(story.process().wait() == 0);
    probe.join();
    CHECK(ready.front() == 200);
    CHECK(ready.back() == 503);
    CHECK(std::ranges::is_sorted(ready));

    story.start();
    // All that the first process did, before the second one is asked for anything.
    const auto done_before = std::stoll(story.of("/orders", "page.totalElements"));
    CHECK(eventually([&] { return regulars.answers() == done_before; }));
    regulars.go_to(story.process().port());
    REQUIRE(eventually([&] { return regulars.answers() > done_before + 100; }));
    const auto orders = regulars.leave();
    CHECK(regulars.broken() == "");
    CHECK(story.of("/orders", "page.totalElements") == std::to_string(orders.size()));
    for (const auto& order : orders) {
        CAPTURE(order.address);
        CHECK(story.of(fmt::format("/orders/{}", order.id), "deliveryAddress") == order.address);
        // What the first process did not answer, it did not do.
        CHECK((!order.asked_twice || order.id > done_before));
    }
    CHECK(story.order_becomes(static_cast<std::int64_t>(orders.size()), "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a request that is in flight at SIGTERM is answered, with Connection: close") {
    Story story({"--breaker-timeout", "800", "--van-hang", "2000"});
    Answer answer;
    std::jthread client([&] { answer = story.get("/requestPayment?payment=0"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    story.process().signal(SIGTERM);
    client.join();
    CHECK(answer.status == 200);
    CHECK(answer.body == "PAYMENT_FAILED");
    CHECK(answer.header("Connection") == "close");
    CHECK(story.process().wait() == 0);
}

TEST_CASE("what is in flight longer than the drain timeout is cut off") {
    Story story({"--drain-timeout", "300"});
    std::jthread client([&story] {
        CHECK_THROWS_AS(story.get("/requestPayment?payment=0"), std::system_error);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const auto start = std::chrono::steady_clock::now();
    story.process().signal(SIGTERM);
    CHECK(story.process().wait() == 0);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
}

TEST_CASE("a second signal ends it at once") {
    Story story({"--drain-timeout", "60000"});
    std::jthread client([&story] {
        CHECK_THROWS_AS(story.get("/requestPayment?payment=0"), std::system_error);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    story.process().signal(SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    story.process().signal(SIGINT);
    CHECK(story.process().wait() == 128 + SIGINT);
}

TEST_CASE("with a drain delay it is not ready, and still serves, before it stops") {
    Story story({"--drain-delay", "1000"});
    story.given_customer();
    story.process().signal(SIGTERM);
    CHECK(eventually([&] { return story.get("/isReady").status == 503; }));
    CHECK(!story.get("/isReady").header("Retry-After").empty());
    CHECK(story.of("/customers/1", "customerName") == "kim");
    CHECK(story.get("/isHealthy").status == 200);
    CHECK(story.process().wait() == 0);
}

TEST_CASE("a killed bookstore has kept what it acknowledged") {
    Story story;
    story.given_customer();
    story.given_book(100'000);
    Clients clients(story.process().url(), 4);
    REQUIRE(eventually([&] { return clients.answers() > 200; }));
    story.process().kill();
    const auto promised = clients.promises();
    story.start();
    for (const auto& [id, address] : promised) {
        CHECK(story.of(fmt::format("/orders/{}", id), "deliveryAddress") == address);
    }
    CHECK(story.ends_with() == "");
}

TEST_CASE("--log-format json writes an object a line, with what a request was") {
    Story story({"--log-format", "json"});
    story.given_customer("홍길동");
    story.get("/customers?size=2&x=%22quoted%22", {{"X-Request-Id", "my-request.1"}});
    story.get("/nothing/\xff\"\\");
    story.stop();
    std::map<std::string, boost::json::object> requests;
    for (const auto& line : lines_of(story.process().log())) {
        boost::json::error_code error;
        const auto value = boost::json::parse(line, error);
        REQUIRE_MESSAGE(!error, line);
        const auto& entry = value.as_object();
        for (const std::string field : {"time", "level", "message"}) {
            CHECK_MESSAGE(entry.contains(field), line);
        }
        if (entry.contains("method")) {
            const auto key = text_of(entry.at("method")) + " " + text_of(entry.at("path"));
            requests[key] = entry;
        }
    }
    REQUIRE(requests.contains("POST /customers"));
    CHECK(requests["POST /customers"].at("status") == 201);
    CHECK(requests["POST /customers"].at("durationMs").is_number());
    CHECK(!requests["POST /customers"].at("requestId").as_string().empty());
    CHECK(requests["POST /customers"].at("peer") == "127.0.0.1");
    CHECK(requests["POST /customers"].at("bytes").as_int64() > 0);
    REQUIRE(requests.contains("GET /customers?size=2&x=%22quoted%22"));
    CHECK(requests["GET /customers?size=2&x=%22quoted%22"].at("requestId") == "my-request.1");
}

TEST_CASE("the access line of the text log has method, path, status, duration and request id") {
    Story story;
    const auto answer = story.get("/customers", {{"X-Request-Id", "abc-1"}});
    CHECK(answer.header("X-Request-Id") == "abc-1");
    CHECK(!story.get("/orders/7").header("X-Request-Id").empty());
    story.get("/customers?x=%0Ainjected", {{"X-Request-Id", "two words"}});
    story.stop();
    const std::string log = story.process().log();
    const std::regex line(
        R"(GET /customers 200 \d+\.\d{3}ms id=abc-1 peer=127\.0\.0\.1 bytes=\d+\n)"
    );
    CHECK_MESSAGE(std::regex_search(log, line), log);
    CHECK(std::regex_search(
        log,
        std::regex(R"(GET /orders/7 404 \d+\.\d{3}ms id=[\w.-]+ peer=127\.0\.0\.1 bytes=\d+\n)")
    ));
    CHECK(log.find("id=two words") == std::string::npos);
}

TEST_CASE("--log-level warning leaves the access lines out") {
    Story story({"--log-level", "warning"});
    story.get("/customers");
    story.stop();
    CHECK(story.process().log().empty());
}
