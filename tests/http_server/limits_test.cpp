#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

#include "http/rate_limiter.hpp"
#include "serving.hpp"

// What one client may have of a server: connections, and requests by a hook that judges headers.

using namespace bookstore::http;
using namespace bookstore::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

RawClient client_of(Serving& serving, const char* from) {
    return RawClient(serving.server().port(), 0, nullptr, from);
}

/// The status of its answer, or of what it is told without asking.
int status_of(RawClient& client) {
    client.send(get);
    return client.reply().status;
}

ServerOptions with_share(std::size_t connections) {
    ServerOptions options;
    options.max_connections_per_client = connections;
    return options;
}

}  // namespace

TEST_CASE("one client has its share of the connections, and the others have theirs") {
    Serving serving(with_share(20));
    std::vector<RawClient> held;
    for (int i = 0; i < 20; ++i) {
        held.push_back(client_of(serving, "127.0.0.1"));
        CHECK(status_of(held.back()) == 200);
    }
    for (int i = 0; i < 50; ++i) {
        auto refused = client_of(serving, "127.0.0.1");
        const Reply reply = refused.reply();
        CHECK(reply.status == 429);
        CHECK(reply.header("retry-after") == "1");
        CHECK(reply.body.find("One client may have 20 connections at a time") != std::string::npos);
        CHECK(reply.closes());
        CHECK(refused.is_ended());
    }
    for (const char* other : {"127.0.0.2", "127.1.2.3"}) {
        auto client = client_of(serving, other);
        CHECK(status_of(client) == 200);
    }
    CHECK(serving.server().stats().turned_away == 50);
    CHECK(serving.server().stats().turned_away_of_client == 50);
    // Those that are held go on, and one that ends makes room for another one.
    CHECK(status_of(held.back()) == 200);
    held.pop_back();
    CHECK(eventually([&] {
        auto next = client_of(serving, "127.0.0.1");
        return status_of(next) == 200;
    }));
}

TEST_CASE("a share does not leak: whoever comes and goes is served for ever") {
    Serving serving(with_share(3));
    for (int i = 0; i < 300; ++i) {
        RawClient client = client_of(serving, "127.0.0.1");
        if (i % 3 == 0) {
            client.send("GET /x HT");
        } else if (i % 3 == 1) {
            client.reset();
        } else {
            status_of(client);
        }
        client.close();
        // It is counted until the server has seen that it went.
        REQUIRE(eventually([&] { return serving.server().connections() == 0; }));
    }
    RawClient last = client_of(serving, "127.0.0.1");
    CHECK(status_of(last) == 200);
    CHECK(serving.server().stats().turned_away == 0);
}

TEST_CASE("proxies that are trusted, and operators, have more than a client's share") {
    ServerOptions options = with_share(2);
    options.trusted_proxies = parse_networks("127.0.0.2").value();
    options.operators = ListenAddress{.port = 0};
    Serving serving(options);
    const auto operators_port =
        static_cast<std::uint16_t>(std::stoi(parse_url(serving.server().operators_url()).port));
    std::vector<RawClient> held;
    for (int i = 0; i < 5; ++i) {
        held.push_back(client_of(serving, "127.0.0.2"));
        CHECK(status_of(held.back()) == 200);
        held.emplace_back(operators_port, 0, nullptr);
        CHECK(status_of(held.back()) == 200);
    }
    held.push_back(client_of(serving, "127.0.0.1"));
    held.push_back(client_of(serving, "127.0.0.1"));
    CHECK(status_of(held.back()) == 200);
    auto refused = client_of(serving, "127.0.0.1");
    CHECK(refused.reply().status == 429);
}

TEST_CASE("unless it is said, a client has an eighth, and this machine's have no limit") {
    ServerOptions options;
    CHECK(share_of_client(options) == 1'500);
    options.max_connections = 24;
    CHECK(share_of_client(options) == 3);
    options.max_connections = 3;
    CHECK(share_of_client(options) == 1);
    options.max_connections = 24;
    Serving serving(options);
    std::vector<RawClient> held;
    for (int i = 0; i < 24; ++i) {
        held.push_back(client_of(serving, "127.0.0.1"));
        CHECK(status_of(held.back()) == 200);
    }
    auto refused = client_of(serving, "127.0.0.1");
    CHECK(refused.reply().status == 503);
}

TEST_CASE("who asks is the connection's other end, or whom trusted proxies name") {
    ServerOptions options;
    options.trusted_proxies = parse_networks("127.0.0.1,10.0.0.0/8").value();
    Serving serving(options);
    const auto who = [&](std::string_view said, const char* from = "127.0.0.1") {
        auto client = client_of(serving, from);
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n" + std::string(said) + "\r\n");
        client.reply();
        return serving.last().client;
    };
    const auto address = [](std::string_view text) { return parse_address(text).value(); };
    CHECK(who("") == address("127.0.0.1"));
    CHECK(who("X-Forwarded-For: 192.0.2.1\r\n") == address("192.0.2.1"));
    CHECK(who("X-Forwarded-For: 192.0.2.1:4711\r\n") == address("192.0.2.1"));
    CHECK(who("X-Forwarded-For: 2001:db8::1, 10.0.0.1\r\n") == address("2001:db8::1"));
    // What stands before the first that is not trusted is its own invention.
    CHECK(who("X-Forwarded-For: 192.0.2.9, 192.0.2.1, 10.0.0.1\r\n") == address("192.0.2.1"));
    CHECK(who("X-Forwarded-For: unknown\r\n") == address("127.0.0.1"));
    CHECK(who("X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.2") == address("127.0.0.2"));
    CHECK(who("Forwarded: for=192.0.2.1\r\n") == address("127.0.0.1"));
}

TEST_CASE("a request is judged by its header, and refused before its body is read") {
    ServerOptions options;
    std::atomic<int> judged = 0;
    Serving serving(options, [&](Server::Hooks& hooks) {
        hooks.admit = [&](Request& request) -> std::optional<Problem> {
            ++judged;
            if (request.path != "/too-often") {
                return std::nullopt;
            }
            return Problem{429, "You ask too often.", {}, {{"Retry-After", "2"}}};
        };
    });
    auto client = client_of(serving, "127.0.0.1");
    client.send("GET /too-often HTTP/1.1\r\nHost: a\r\n\r\n");
    Reply reply = client.reply();
    CHECK(reply.status == 429);
    CHECK(reply.header("retry-after") == "2");
    CHECK(!reply.closes());
    // A body that is here already is no reason to end the connection.
    client.send("POST /too-often HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    reply = client.reply();
    CHECK(reply.status == 429);
    CHECK(!reply.closes());
    CHECK(status_of(client) == 200);
    // Nobody waits for one that is not.
    client.send("POST /too-often HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbo");
    reply = client.reply();
    CHECK(reply.status == 429);
    CHECK(reply.closes());
    auto expecting = client_of(serving, "127.0.0.1");
    expecting.send(
        "POST /too-often HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    );
    CHECK(expecting.reply().status == 429);
    auto chunked = client_of(serving, "127.0.0.1");
    chunked.send("POST /too-often HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(chunked.reply().status == 429);
    CHECK(serving.answered == 1);
    CHECK(judged == 6);
    // Each is logged and counted like any other answer.
    CHECK(serving.log(6)[0].status == 429);
    CHECK(serving.log(6)[0].target == "/too-often");
}
