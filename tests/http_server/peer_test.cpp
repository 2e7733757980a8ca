#include "http/peer.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include "support/raw_server.hpp"

using namespace bookstore::http;
using bookstore::test::RawConnection;
using bookstore::test::RawServer;
using std::chrono::milliseconds;

// The asynchronous client against servers that say anything.

namespace {

constexpr milliseconds patience{20'000};
using Result = std::expected<ClientResponse, std::string>;

PeerOptions at(const std::string& url) {
    return {.origin = parse_origin(url)};
}

std::future<Result> send(Peer& peer, PeerRequest request) {
    auto promise = std::make_shared<std::promise<Result>>();
    auto future = promise->get_future();
    peer.send(std::move(request), [promise](Result result) {
        promise->set_value(std::move(result));
    });
    return future;
}

Result get(Peer& peer, milliseconds timeout = patience) {
    return send(peer, {.target = "/x", .timeout = timeout}).get();
}

/// What comes of a single GET of a server that says `text` and then closes, or waits.
Result answer_of(const std::string& text, bool then_close = false) {
    const RawServer server([&](RawConnection& connection, int) {
        connection.request();
        connection.send(text);
        if (!then_close) {
            connection.request();
        }
    });
    Peer peer(at(server.url()));
    return get(peer);
}

std::string body_of(const Result& result) {
    return result ? result->body : "none: " + result.error();
}

std::string refused(std::string_view url) {
    try {
        parse_origin(url);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "taken";
}

}  // namespace

TEST_CASE("requests one after the other share a connection") {
    const RawServer server([](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            connection.answer(200, "hello");
        }
    });
    Peer peer(at(server.url()));
    for (int i = 0; i < 20; ++i) {
        CHECK(body_of(get(peer)) == "hello");
    }
    CHECK(server.connections() == 1);
    CHECK(peer.counts().connections == 1);
}

TEST_CASE("requests at the same time have a connection each, which is kept for the next ones") {
    const RawServer server([](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            connection.answer(200, "hello");
        }
    });
    Peer peer(at(server.url()));
    for (int round = 0; round < 5; ++round) {
        std::vector<std::future<Result>> results;
        for (int i = 0; i < 8; ++i) {
            results.push_back(send(peer, {.target = "/", .timeout = patience}));
        }
        for (auto& result : results) {
            CHECK(body_of(result.get()) == "hello");
        }
    }
    CHECK(server.connections() <= 8);
}

TEST_CASE("a request is what it was meant to be") {
    std::promise<std::string> seen;
    const RawServer server([&](RawConnection& connection, int) {
        seen.set_value(connection.request());
        connection.answer(200, "");
    });
    Peer peer(at(server.url()));
    send(
        peer,
        {.method = Method::post,
         .target = "/requestPayment?payment=12.5",
         .headers = {{"Idempotency-Key", "k"}},
         .timeout = patience}
    )
        .get();
    const auto host = server.url().substr(7);
    CHECK(
        seen.get_future().get() == "POST /requestPayment?payment=12.5 HTTP/1.1\r\nHost: " + host +
                                       "\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n"
    );
}

TEST_CASE("answers in every framing are read") {
    CHECK(body_of(answer_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) == "hi");
    CHECK(
        body_of(
            answer_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nh\r\n1\r\ni"
                      "\r\n0\r\nTrailer: 1\r\n\r\n")
        ) == "hi"
    );
    CHECK(body_of(answer_of("HTTP/1.1 200 OK\r\n\r\nto the end", true)) == "to the end");
    CHECK(body_of(answer_of("HTTP/1.0 200 OK\r\n\r\nold", true)) == "old");
    CHECK(body_of(answer_of("HTTP/1.1 204 No Content\r\n\r\n")) == "");
    const auto interim = answer_of(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    );
    CHECK(body_of(interim) == "no");
    CHECK(interim->status == 404);
    const auto redirect =
        answer_of("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        );
    REQUIRE(redirect);
    CHECK(redirect->status == 302);
}

TEST_CASE("an answer that comes byte by byte is read") {
    const RawServer server([](RawConnection& connection, int) {
        connection.request();
        const std::string text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\n\r\n";
        for (const char c : text) {
            connection.send({&c, 1});
            std::this_thread::sleep_for(milliseconds(1));
        }
        connection.request();
    });
    Peer peer(at(server.url()));
    CHECK(body_of(get(peer)) == "abc");
}

TEST_CASE("what is no answer is none: garbage, other protocols, broken framings") {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    for (const std::string& text : {
             std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
             std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10),
             std::string("HTTP/1.1 abc\r\n\r\n"),
             std::string("HTTP/2.0 200 OK\r\n\r\n"),
             std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
             ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             ok + "Transfer-Encoding: gzip\r\n\r\nxx",
             ok + "Content-Length: -1\r\n\r\n",
             ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
             ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
             ok + "Content-Length: 99999999999\r\n\r\n",
         }) {
        CAPTURE(text);
        const auto result = answer_of(text);
        REQUIRE(!result);
        CHECK(result.error().find("within") == std::string::npos);  // it did not take the time out
    }
}

TEST_CASE("an answer is bounded: header, body, chunks, extensions, interim answers") {
    const std::string big(100'000, 'x');
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    std::string interim;
    for (int i = 0; i < 2'000; ++i) {
        interim += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    for (const std::string& text :
         {ok + "X: " + big + "\r\n\r\n",
          ok + big,
          interim,
          ok + "Content-Length: 100000\r\n\r\n" + big,
          ok + "\r\n" + big,
          ok + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + big,
          ok + "Transfer-Encoding: chunked\r\n\r\n1;" + big}) {
        const auto result = answer_of(text);
        CAPTURE(text.substr(0, 60));
        REQUIRE(!result);
        CHECK(result.error().find("too large") != std::string::npos);
    }
}

TEST_CASE("no answer in time is none: no accept, no word, a slow drip, an endless body") {
    const milliseconds short_time(200);
    const auto none_in_time = [&](const RawServer::Serve& serve) {
        const RawServer server(serve);
        Peer peer(at(server.url()));
        const auto result = get(peer, short_time);
        REQUIRE(!result);
        CHECK(result.error() == "no answer within 200 ms");
    };
    none_in_time([](RawConnection& connection, int) {
        connection.request();
        connection.request();
    });
    none_in_time([](RawConnection& connection, int) {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Le");
        connection.request();
    });
    none_in_time([](RawConnection& connection, int) {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nX: ");
        while (connection.send("y")) {
            std::this_thread::sleep_for(milliseconds(20));
        }
    });
    none_in_time([](RawConnection& connection, int) {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (connection.send("1\r\ny\r\n")) {
            std::this_thread::sleep_for(milliseconds(20));
        }
    });
}

TEST_CASE("a server that ends too early gave no answer, and neither did one that is not there") {
    for (const std::string text :
         {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"}) {
        const auto result = answer_of(text, true);
        REQUIRE(!result);
        CHECK(result.error().find("ended") != std::string::npos);
    }
    std::string url;
    {
        const RawServer gone([](RawConnection&, int) {});
        url = gone.url();
    }
    Peer peer(at(url));
    const auto result = get(peer);
    REQUIRE(!result);
    CHECK(result.error().find("cannot connect") != std::string::npos);
}

TEST_CASE("a kept connection that was closed meanwhile is not used") {
    std::atomic<int> closed{0};
    const RawServer server([&](RawConnection& connection, int) {
        connection.request();
        connection.answer(200, "bye");
        connection.close();
        ++closed;
    });
    Peer peer(at(server.url()));
    for (int i = 1; i <= 5; ++i) {
        CHECK(body_of(get(peer)) == "bye");
        while (closed < i) {
            std::this_thread::yield();
        }
    }
    CHECK(server.connections() == 5);
    CHECK(peer.counts().repeated == 0);
}

TEST_CASE("a connection whose answer is followed by more is not used again") {
    const RawServer server([](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n");
        }
    });
    Peer peer(at(server.url()));
    for (int i = 0; i < 3; ++i) {
        CHECK(body_of(get(peer)) == "ok");
    }
}

TEST_CASE("closed at the very moment: repeated once on a new connection, where that is safe") {
    std::atomic<int> requests{0};
    // A connection answers once; the next request on it is read and answered by its end.
    const RawServer server([&](RawConnection& connection, int) {
        connection.request();
        ++requests;
        connection.answer(200, "first");
        if (!connection.request().empty()) {
            ++requests;
        }
        connection.reset();
    });
    const PeerRequest by_get{.target = "/", .timeout = patience};
    const PeerRequest by_key{
        .method = Method::post,
        .target = "/",
        .headers = {{"idempotency-key", "k"}},
        .timeout = patience
    };
    const PeerRequest unsafe{.method = Method::post, .target = "/", .timeout = patience};
    for (const PeerRequest& request : {by_get, by_key}) {
        Peer peer(at(server.url()));
        requests = 0;
        CHECK(body_of(send(peer, request).get()) == "first");
        CHECK(body_of(send(peer, request).get()) == "first");
        CHECK(requests == 3);
        CHECK(peer.counts().repeated == 1);
    }
    Peer peer(at(server.url()));
    requests = 0;
    CHECK(body_of(send(peer, unsafe).get()) == "first");
    CHECK(!send(peer, unsafe).get());
    CHECK(requests == 2);
}

TEST_CASE("no request is repeated after a part of its answer, nor on a new connection") {
    std::atomic<int> requests{0};
    const RawServer server([&](RawConnection& connection, int) {
        connection.request();
        ++requests;
        connection.answer(200, "first");
        connection.request();
        ++requests;
        connection.send("HTTP/1.1 2");
    });
    Peer peer(at(server.url()));
    CHECK(body_of(get(peer)) == "first");
    CHECK(!get(peer));
    CHECK(requests == 2);
}

TEST_CASE("an idle connection is closed after its time") {
    std::promise<void> ended;
    const RawServer server([&](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            connection.answer(200, "hello");
        }
        ended.set_value();
    });
    PeerOptions options = at(server.url());
    options.idle_timeout = milliseconds(50);
    Peer peer(options);
    CHECK(body_of(get(peer)) == "hello");
    CHECK(ended.get_future().wait_for(patience) == std::future_status::ready);
}

TEST_CASE("what goes while calls are under way tells nobody, and ends at once") {
    std::atomic<int> told{0};
    const RawServer server([](RawConnection& connection, int) {
        connection.request();
        connection.request();
    });
    {
        Peer peer(at(server.url()));
        for (int i = 0; i < 10; ++i) {
            peer.send({.target = "/", .timeout = patience}, [&](const Result&) { ++told; });
        }
    }
    CHECK(told == 0);
}

TEST_CASE("a callback that throws is logged, and the next ones are called") {
    const RawServer server([](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            connection.answer(200, "hello");
        }
    });
    std::promise<std::string> logged;
    PeerOptions options = at(server.url());
    options.error_log = [&](std::string_view what) { logged.set_value(std::string(what)); };
    Peer peer(options);
    peer.send({.target = "/", .timeout = patience}, [](const Result&) {
        throw std::runtime_error("oops");
    });
    CHECK(logged.get_future().get() == "oops");
    CHECK(body_of(get(peer)) == "hello");
}

TEST_CASE("a host's name is resolved") {
    const RawServer server([](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            connection.answer(200, "hello");
        }
    });
    auto url = server.url();
    url.replace(url.find("127.0.0.1"), 9, "localhost");
    Peer peer(at(url));
    CHECK(body_of(get(peer)) == "hello");
}

TEST_CASE("where a peer is: host and port, nothing else") {
    CHECK(parse_origin("http://van").port == "80");
    CHECK(parse_origin("http://van:8081/").port == "8081");
    CHECK(parse_origin("HTTP://[::1]:8081").host == "::1");
    CHECK(parse_origin("https://van").port == "443");
    CHECK(parse_origin("https://van:8443").is_tls);
    CHECK_FALSE(parse_origin("http://van:8443").is_tls);
    CHECK(refused("http://").find("has no valid host") != std::string::npos);
    CHECK(refused("http://:80").find("has no valid host") != std::string::npos);
    CHECK(refused("http://kim:secret@van").find("has a user in it") != std::string::npos);
    CHECK(refused("http://van/api").find("behind the host") != std::string::npos);
    CHECK(refused("http://van?x=1").find("behind the host") != std::string::npos);
    CHECK(refused("http://van#x").find("behind the host") != std::string::npos);
    CHECK(refused("http://van:0").find("port 0") != std::string::npos);
    CHECK(refused("http://van:65536").find("valid host") != std::string::npos);
    CHECK(refused("van:8081").find("starts with http://") != std::string::npos);
    CHECK(refused("").find("starts with http://") != std::string::npos);
    CHECK(refused("http://v an").find("http://HOST[:PORT]") != std::string::npos);
}
