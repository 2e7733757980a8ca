#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "http_server/raw_client.hpp"
#include "scrape.hpp"
#include "story.hpp"
#include "support/tokens.hpp"

// --rate-limit and --max-connections-per-client, against the real binary.

using namespace bookstore::test;
using bookstore::http::Header;
namespace http = bookstore::http;

namespace {

std::string get(const std::string& target, const std::string& fields = {}) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, fields);
}

RawClient client_of(Story& story, const char* from) {
    return RawClient(story.port(), 0, nullptr, from);
}

Reply ask(RawClient& client, const std::string& text) {
    client.send(text);
    return client.reply();
}

int refused(const std::vector<std::string>& flags, std::string_view why) {
    const TemporaryDirectory directory;
    std::vector<std::string> words{
        "serve", "--listen", "127.0.0.1:0", "--data-dir", directory.path()
    };
    words.insert(words.end(), flags.begin(), flags.end());
    const auto done = run_bookstore(words);
    CAPTURE(done.error);
    CHECK(done.error.find(why) != std::string::npos);
    return done.status;
}

}  // namespace

TEST_CASE("who asks too often is told how long to wait, and nobody else notices") {
    Story story({"--rate-limit", "5/m", "--rate-burst", "40", "--operator-listen", "127.0.0.1:0"});
    auto client = client_of(story, "127.0.0.3");
    for (int i = 0; i < 40; ++i) {
        const Reply reply = ask(client, get("/books"));
        CHECK(reply.status == 200);
        CHECK(reply.header("ratelimit-policy") == R"("default";q=40;w=480)");
        CHECK(reply.header("ratelimit").starts_with(fmt::format(R"("default";r={};t=)", 39 - i)));
    }
    const Reply refusal = ask(client, get("/books"));
    CHECK(refusal.status == 429);
    const int wait_s = std::stoi(refusal.header("retry-after"));
    CHECK(wait_s >= 1);
    CHECK(wait_s <= 12);
    CHECK(refusal.header("ratelimit") == fmt::format(R"("default";r=0;t={})", wait_s));
    CHECK(refusal.body.find(R"("status":429,"error":"Too Many Requests")") != std::string::npos);
    CHECK(refusal.body.find(R"("path":"/books")") != std::string::npos);
    // In the form that Accept prefers, on whatever path, and to pages as well.
    const Reply other =
        ask(client,
            get("/nothing", "Accept: application/problem+json\r\nOrigin: https://shop.example\r\n")
        );
    CHECK(other.status == 429);
    CHECK(other.header("content-type").starts_with("application/problem+json"));
    CHECK(other.header("access-control-allow-origin") == "*");
    CHECK(other.header("access-control-expose-headers").find("RateLimit") != std::string::npos);
    // The same client on another connection; a body that is not sent is not waited for.
    auto again = client_of(story, "127.0.0.3");
    CHECK(
        ask(again, "POST /books HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            .status == 429
    );
    // Whoever watches the process is not limited, nor are other clients, nor operators.
    for (int i = 0; i < 60; ++i) {
        for (const std::string probe : {"/isReady", "/isHealthy", "/actuator/health"}) {
            const Reply answer = ask(client, get(probe));
            CHECK(answer.status == 200);
            CHECK(answer.header("ratelimit") == "");
        }
    }
    auto neighbour = client_of(story, "127.0.0.4");
    CHECK(ask(neighbour, get("/books")).status == 200);
    RawClient operators(
        static_cast<std::uint16_t>(std::stoi(http::parse_url(story.process().operators_url()).port)
        ),
        0,
        nullptr,
        "127.0.0.3"
    );
    std::string metrics;
    for (int i = 0; i < 60; ++i) {
        const Reply answer = ask(operators, get("/metrics"));
        CHECK(answer.status == 200);
        metrics = answer.body;
    }
    const Scrape scrape(metrics);
    CHECK(scrape.value("bookstore_http_rate_limited_total") == 3);
    CHECK(scrape.value("bookstore_http_rate_limit_forgotten_total") == 0);
    CHECK(scrape.sum("bookstore_http_requests_total", {{"status", "429"}}) == 3);
}

TEST_CASE("with tokens each subject is a client, wherever it asks from, and a bad token is none") {
    const Tokens tokens;
    auto flags = tokens.flags();
    flags.insert(flags.end(), {"--rate-limit", "1/m", "--rate-burst", "3"});
    Story story(flags);
    const auto as = [&](const char* from, const Header& token) {
        auto client = client_of(story, from);
        return ask(client, get("/books", fmt::format("{}: {}\r\n", token.name, token.value)));
    };
    const Header courier = tokens.header("courier");
    for (const char* from : {"127.0.0.3", "127.0.0.4", "127.0.0.5"}) {
        CHECK(as(from, courier).status == 200);
    }
    CHECK(as("127.0.0.6", courier).status == 429);
    CHECK(as("127.0.0.6", tokens.header("book-manager")).status == 200);
    // Whoever guesses is known by where it guesses from.
    const Header guess{"Authorization", "Bearer " + std::string(40, 'x')};
    for (int i = 0; i < 3; ++i) {
        CHECK(as("127.0.0.6", guess).status != 429);
    }
    CHECK(as("127.0.0.6", guess).status == 429);
    CHECK(as("127.0.0.6", tokens.header("book-manager")).status == 200);
}

TEST_CASE("behind a trusted proxy each of its clients is one") {
    Story story({"--rate-limit", "1/m", "--rate-burst", "3", "--trusted-proxy", "127.0.0.2"});
    auto proxy = client_of(story, "127.0.0.2");
    const auto statuses = [](RawClient& client, const std::string& who) {
        std::vector<int> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(ask(client, get("/books", "X-Forwarded-For: " + who + "\r\n")).status);
        }
        return all;
    };
    const std::vector<int> once{200, 200, 200, 429};
    CHECK(statuses(proxy, "192.0.2.1") == once);
    CHECK(statuses(proxy, "192.0.2.2") == once);
    CHECK(statuses(proxy, "2001:db8::1") == once);
    CHECK(statuses(proxy, "2001:db8::2") == std::vector<int>(4, 429));  // of the same /64
    CHECK(statuses(proxy, "2001:db8:0:1::2") == once);
    // Nobody else makes himself another client.
    auto liar = client_of(story, "127.0.0.3");
    CHECK(statuses(liar, "192.0.2.77") == once);
    CHECK(statuses(liar, "192.0.2.78") == std::vector<int>(4, 429));
}

TEST_CASE("a limit that refills lets through what it says") {
    Story story({"--rate-limit", "50/s", "--rate-burst", "10"});
    auto client = client_of(story, "127.0.0.3");
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    int let_through = 0;
    while (Clock::now() - began < std::chrono::seconds(2)) {
        let_through += ask(client, get("/books")).status == 200;
    }
    const double took_s = std::chrono::duration<double>(Clock::now() - began).count();
    CAPTURE(took_s);
    CHECK(let_through <= 10 + 50 * took_s + 1);
    CHECK(let_through >= 50);
}

TEST_CASE("one address cannot have all connections") {
    Story story({"--max-connections", "300", "--max-connections-per-client", "100"});
    std::vector<RawClient> held;
    int in = 0;
    int told = 0;
    for (int i = 0; i < 1'000; ++i) {
        auto client = client_of(story, "127.0.0.3");
        const int status = ask(client, get("/isReady")).status;
        in += status == 200;
        told += status == 429;
        if (status == 200) {
            held.push_back(std::move(client));
        }
    }
    CHECK(in == 100);
    CHECK(told == 900);
    for (int i = 0; i < 20; ++i) {
        auto other = client_of(story, "127.0.0.4");
        CHECK(ask(other, get("/books")).status == 200);
    }
    const Scrape scrape(story.get("/metrics").body);
    CHECK(scrape.value("bookstore_http_client_connections_refused_total") == 900);
    CHECK(scrape.value("bookstore_http_connections_refused_total") == 900);
}

TEST_CASE("limits that mean nothing are refused at the start") {
    CHECK(refused({"--rate-limit", "50"}, "--rate-limit: 50 is no whole number from 1") == 1);
    CHECK(refused({"--rate-limit", "0/s"}, "--rate-limit: 0/s is no whole number from 1") == 1);
    CHECK(refused({"--rate-limit", "5/d"}, "with a unit, such as 30/s") == 1);
    CHECK(refused({"--rate-limit", "9000000/s"}, "more than anybody can send") == 1);
    CHECK(refused({"--rate-burst", "5"}, "--rate-burst is a part of --rate-limit") == 1);
}
