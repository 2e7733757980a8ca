#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <thread>

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
    const std::regex line(R"(GET /customers 200 \d+\.\d{3}ms id=abc-1\n)");
    CHECK_MESSAGE(std::regex_search(log, line), log);
    CHECK(std::regex_search(log, std::regex(R"(GET /orders/7 404 \d+\.\d{3}ms id=[\w.-]+\n)")));
    CHECK(log.find("id=two words") == std::string::npos);
}

TEST_CASE("--log-level warning leaves the access lines out") {
    Story story({"--log-level", "warning"});
    story.get("/customers");
    story.stop();
    CHECK(story.process().log().empty());
}
