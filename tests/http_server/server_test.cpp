#include "http/server.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "http/client.hpp"
#include "http/router.hpp"
#include "serving.hpp"

using namespace bookstore::http;
using namespace bookstore::test;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

std::string get(std::string_view target, std::string_view fields = "") {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string post(
    std::string_view body, std::string_view fields = "", std::string_view target = "/x"
) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(fields) + "\r\n" + std::string(body);
}

constexpr std::string_view chunked_head =
    "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A short one for headers; a handshake has the same, and takes longer on a busy machine.
milliseconds header_time(milliseconds plain) {
    return is_secure() ? 10 * plain : plain;
}

/// The server's answer to bytes that it refuses; checks that it is the contract's and the last.
Reply refused(Serving& serving, std::string_view bytes) {
    auto client = serving.client();
    client.send(bytes);
    Reply reply = client.reply();
    CHECK(reply.closes());
    CHECK(reply.header("content-type") == "application/json;charset=UTF-8");
    CHECK(reply.body.starts_with("{\"timestamp\":\""));
    CHECK(reply.body.find("\"status\":" + std::to_string(reply.status)) != std::string::npos);
    CHECK(client.is_ended());
    return reply;
}

int refusal(Serving& serving, std::string_view bytes) {
    return refused(serving, bytes).status;
}

}  // namespace

// ---- Answers

TEST_CASE("a request is answered with its fields in place") {
    Serving serving;
    const Reply reply = serving.get("/a%20b?x=1&y=%26");
    CHECK(reply.status == 200);
    CHECK(reply.head.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(reply.body == "GET /a b ");
    CHECK(reply.header("content-type") == "text/plain");
    CHECK(reply.header("date").ends_with(" GMT"));
    CHECK(reply.header("connection").empty());
    CHECK_FALSE(reply.header("x-request-id").empty());
    CHECK(serving.last().target == "/a%20b?x=1&y=%26");
    CHECK(serving.last().host == "a");
    CHECK(serving.last().origin() == serving.scheme() + "://a");
    CHECK(serving.last().parameter("y") == "&");
}

TEST_CASE("a connection serves many requests") {
    Serving serving;
    auto client = serving.client();
    for (int i = 0; i < 50; ++i) {
        client.send(i % 2 == 0 ? get("/" + std::to_string(i)) : post(std::string(3000, 'p')));
        CHECK(client.reply().status == 200);
    }
    CHECK(serving.server().connections() == 1);
}

TEST_CASE("pipelined requests are answered in order") {
    Serving serving;
    auto client = serving.client();
    std::string all;
    for (int i = 0; i < 200; ++i) {
        all += get("/" + std::to_string(i));
        all += post("body" + std::to_string(i));
    }
    client.send(all);
    for (int i = 0; i < 200; ++i) {
        CHECK(client.reply().body == "GET /" + std::to_string(i) + " ");
        CHECK(client.reply().body == "POST /x body" + std::to_string(i));
    }
}

TEST_CASE("pipelined requests wait for one that is answered late") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/late") + get("/next"));
    auto [request, done] = serving.desk.take();
    CHECK_FALSE(client.hears_something(20));
    done(text("late"));
    CHECK(client.reply().body == "late");
    CHECK(client.reply().body == "GET /next ");
}

TEST_CASE("a request may come byte by byte") {
    Serving serving;
    auto client = serving.client();
    client.send_byte_by_byte(post("hello", "X-Long: " + std::string(200, 'x') + "\r\n"));
    CHECK(client.reply().body == "POST /x hello");
    client.send_byte_by_byte(std::string(chunked_head) + "5\r\nhello\r\n0\r\n\r\n");
    CHECK(client.reply().body == "POST /x hello");
    client.send_byte_by_byte(std::string(chunked_head) + "0\r\n\r\n");
    CHECK(client.reply().body == "POST /x ");
    client.send_byte_by_byte(get("/last"));
    CHECK(client.reply().body == "GET /last ");
}

TEST_CASE("a HEAD is answered with the header of GET") {
    Serving serving;
    auto client = serving.client();
    client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + get("/y"));
    const Reply head = client.reply(true);
    CHECK(head.status == 200);
    CHECK(head.header("content-length") == std::to_string(std::string("HEAD /x ").size()));
    CHECK(client.reply().body == "GET /y ");
}

TEST_CASE("a HEAD of a stream starts none") {
    Serving serving;
    auto client = serving.client();
    client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/y"));
    CHECK(client.reply(true).header("content-type") == "text/event-stream");
    CHECK(client.reply().body == "GET /y ");
    CHECK(serving.feed->streams == 0);
    CHECK(serving.feed->pulls == 0);
}

TEST_CASE("204 and 304 have no body") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/empty") + get("/unchanged") + get("/y"));
    const Reply empty = client.reply();
    CHECK(empty.status == 204);
    CHECK(empty.header("content-length").empty());
    CHECK(client.reply().status == 304);
    CHECK(client.reply().body == "GET /y ");
}

TEST_CASE("a problem is the contract's error body and keeps the connection") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/problem?x=1") + get("/y"));
    const Reply reply = client.reply();
    CHECK(reply.status == 409);
    CHECK(reply.header("retry-after") == "3");
    CHECK(reply.header("content-type") == "application/json;charset=UTF-8");
    CHECK(reply.body.ends_with(
        R"("status":409,"error":"Conflict","message":"not now","path":"/problem"})"
    ));
    CHECK(client.reply().status == 200);
}

TEST_CASE("a large answer is sent completely to a reader that takes its time") {
    Serving serving;
    RawClient client(serving.server().port(), 4096);
    client.send(get("/big") + get("/y"));
    const Reply reply = client.reply();
    CHECK(reply.body == std::string(8 << 20, 'b'));
    CHECK(client.reply().body == "GET /y ");
}

TEST_CASE("a large body is read") {
    Serving serving;
    auto client = serving.client();
    const std::string body((1 << 20) - 7, 'z');
    client.send(post(body) + get("/y"));
    CHECK(client.reply().body == "POST /x " + body);
    CHECK(client.reply().body == "GET /y ");
    std::string chunked(chunked_head);
    for (std::size_t at = 0; at < body.size(); at += 10'000) {
        const auto piece = body.substr(at, 10'000);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        chunked += size + piece + "\r\n";
    }
    client.send(chunked + "0\r\n\r\n" + get("/y"));
    CHECK(client.reply().body == "POST /x " + body);
    CHECK(client.reply().body == "GET /y ");
}

TEST_CASE("the client decides whether the connection stays open") {
    Serving serving;
    SUBCASE("Connection: close") {
        auto client = serving.client();
        client.send(get("/x", "Connection: foo, Close\r\n"));
        CHECK(client.reply().closes());
        CHECK(client.is_ended());
    }
    SUBCASE("HTTP/1.0") {
        auto client = serving.client();
        client.send("GET /x HTTP/1.0\r\n\r\n");
        const Reply reply = client.reply();
        CHECK(reply.status == 200);
        CHECK(reply.closes());
        CHECK(client.is_ended());
        CHECK(serving.last().host == serving.server().address());
    }
    SUBCASE("HTTP/1.0 with keep-alive") {
        auto client = serving.client();
        client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(client.reply().header("connection") == "keep-alive");
        client.send(get("/y"));
        CHECK(client.reply().status == 200);
    }
}

TEST_CASE("a client that only sends and shuts down its side is answered") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/x") + get("/y"));
    client.half_close();
    CHECK(client.reply().body == "GET /x ");
    CHECK(client.reply().body == "GET /y ");
    CHECK(client.is_ended());
}

TEST_CASE("empty lines before a request are skipped") {
    Serving serving;
    auto client = serving.client();
    client.send("\r\n\r\n" + get("/x") + "\r\n" + get("/y"));
    CHECK(client.reply().body == "GET /x ");
    CHECK(client.reply().body == "GET /y ");
    client.send_byte_by_byte("\r\n\r\n" + get("/z"));
    CHECK(client.reply().body == "GET /z ");
}

TEST_CASE("the absolute form's host counts, not the field's") {
    Serving serving;
    const Reply reply = serving.get("http://shop:81/a?b");
    CHECK(reply.body == "GET /a ");
    CHECK(serving.last().host == "shop:81");
}

TEST_CASE("a trusted proxy may say what the client asked for, and nobody else") {
    const std::string fields =
        "Forwarded: for=192.0.2.1;host=shop.example;proto=https\r\nX-Forwarded-Host: b\r\n";
    using enum ProxyHeaders;
    const auto url_with =
        [&](std::string_view trusted, std::string_view said, ProxyHeaders believed = forwarded) {
            ServerOptions options;
            options.trusted_proxies = parse_networks(trusted).value();
            options.proxy_headers = believed;
            Serving serving(options);
            serving.get("/x", said);
            return serving.last().base_url();
        };
    const std::string received = is_secure() ? "https://" : "http://";
    CHECK(url_with("127.0.0.1", fields) == "https://shop.example");
    CHECK(url_with("10.0.0.0/8,127.0.0.0/8", fields) == "https://shop.example");
    CHECK(url_with("", fields) == received + "a");
    CHECK(url_with("127.0.0.2", fields) == received + "a");
    CHECK(url_with("::/0", fields) == received + "a");
    CHECK(url_with("127.0.0.1", fields, x_forwarded) == received + "b");
    CHECK(url_with("127.0.0.1", "X-Forwarded-Prefix: /shop\r\n") == received + "a");
    CHECK(
        url_with("127.0.0.1", "X-Forwarded-Prefix: /shop\r\n", x_forwarded) == received + "a/shop"
    );
    CHECK(url_with("127.0.0.1", "") == received + "a");
}

TEST_CASE("what a proxy said of one request does not hold for the connection's next") {
    ServerOptions options;
    options.trusted_proxies = parse_networks("127.0.0.1").value();
    Serving serving(options);
    auto client = serving.client();
    client.send(get("/x", "X-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /shop\r\n"));
    client.reply();
    CHECK(serving.last().base_url() == "https://a/shop");
    client.send(get("/y"));
    client.reply();
    CHECK(serving.last().base_url() == serving.scheme() + "://a");
    CHECK(serving.last().origin() == serving.scheme() + "://a");
    client.send(get("/z", "X-Forwarded-Host: b\r\n"));
    client.reply();
    CHECK(serving.last().host == "b");
    CHECK(serving.last().received_host() == "a");
    client.send(get("/z"));
    client.reply();
    CHECK(serving.last().received_host() == "a");
    CHECK(serving.last().reached_at == parse_networks("127.0.0.1").value()[0].address);
}

TEST_CASE("a peer of IPv4 is trusted as such where the server listens on IPv6 too") {
    ServerOptions options;
    options.host = "::ffff:127.0.0.1";
    options.trusted_proxies = parse_networks("127.0.0.1").value();
    std::optional<Serving> serving;
    try {
        serving.emplace(options);
    } catch (const std::system_error&) {
        return;  // a machine without IPv6
    }
    serving->get("/x", "X-Forwarded-Proto: https\r\n");
    CHECK(serving->last().scheme == "https");
}

TEST_CASE("a sane request id is taken over, another one is not") {
    Serving serving;
    CHECK(serving.get("/x", "X-Request-Id: abc-1.2_3\r\n").header("x-request-id") == "abc-1.2_3");
    const auto first = serving.get("/x", "X-Request-Id: a b\r\n").header("x-request-id");
    const auto second = serving.get("/x").header("x-request-id");
    CHECK(first != "a b");
    CHECK_FALSE(first.empty());
    CHECK(first != second);
}

TEST_CASE("a trace context is taken over when it is well-formed and alone") {
    Serving serving;
    const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    serving.get("/x", "Traceparent: " + trace + "\r\n");
    CHECK(serving.last().trace == trace);
    serving.get("/x", "traceparent: " + trace + "x\r\n");
    CHECK(serving.last().trace.empty());
    serving.get("/x", "traceparent: " + trace + "\r\ntraceparent: " + trace + "\r\n");
    CHECK(serving.last().trace.empty());
}

TEST_CASE("every answer is logged once, refusals included") {
    Serving serving;
    // An answer may arrive before its line is written.
    serving.get("/a?b", "X-Request-Id: id1\r\n");
    serving.log(1);
    serving.get("/problem");
    serving.log(2);
    refusal(serving, "GET / HTTP/1.1\r\n\r\n");
    serving.log(3);
    auto client = serving.client();
    client.send("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n");
    client.reply();
    const auto log = serving.log(4);
    REQUIRE(log.size() == 4);
    CHECK(log[0].method == "GET");
    CHECK(log[0].target == "/a?b");
    CHECK(log[0].status == 200);
    CHECK(log[0].request_id == "id1");
    CHECK(log[1].status == 409);
    CHECK(log[2].status == 400);
    CHECK(log[3].method == "BREW");
}

TEST_CASE("an access line has the peer's address and the bytes that were sent") {
    Serving serving;
    const Reply first = serving.get("/a");
    CHECK(serving.log(1)[0].peer == "127.0.0.1");
    CHECK(serving.log(1)[0].sent_bytes == first.head.size() + first.body.size());
    auto client = serving.client();
    client.send(get("/big") + get("/empty"));
    const Reply big = client.reply();
    const Reply empty = client.reply();
    const auto log = serving.log(3);
    CHECK(log[1].sent_bytes == big.head.size() + big.body.size());
    CHECK(log[2].sent_bytes == empty.head.size());
}

TEST_CASE("what could not be parsed is logged as such, and not as a GET") {
    Serving serving;
    CHECK(refusal(serving, "GARBAGE\r\n\r\n") == 400);
    CHECK(refusal(serving, "POST / HTTP/2.0\r\nHost: a\r\n\r\n") == 505);
    CHECK(refusal(serving, "POST /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
    const auto log = serving.log(3);
    CHECK(log[0].method == "-");
    CHECK(log[0].target == "-");
    CHECK(log[0].status == 400);
    CHECK(log[1].method == "-");
    CHECK(log[2].method == "POST");
    CHECK(log[2].target == "/x");
    for (const RequestCount& count : serving.server().stats().requests) {
        CHECK(count.method != Method::get);
    }
}

TEST_CASE("a request whose client went away is logged and counted as 499") {
    Serving serving;
    {
        auto client = serving.client();
        client.send("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    }
    const auto half = serving.log(1)[0];
    CHECK(half.method == "POST");
    CHECK(half.target == "/half");
    CHECK(half.status == 499);
    CHECK(half.sent_bytes == 0);
    CHECK_FALSE(half.request_id.empty());

    std::pair<const Request*, Done> late;
    {
        auto client = serving.client();
        client.send(get("/late"));
        late = serving.desk.take();
    }
    late.second(text("nobody reads it"));
    late.second = nullptr;
    CHECK(serving.log(2)[1].target == "/late");
    CHECK(serving.log(2)[1].status == 499);

    auto slow = serving.client();
    slow.send(get("/big"));
    slow.take(slow.find("\r\n\r\n"));
    slow.reset();
    CHECK(serving.log(3)[2].target == "/big");
    CHECK(serving.log(3)[2].status == 499);
    CHECK(serving.log(3)[2].sent_bytes > 0);
    CHECK(eventually([&] {
        std::uint64_t gone = 0;
        for (const RequestCount& count : serving.server().stats().requests) {
            gone += count.status == client_gone_status ? count.durations.count() : 0;
        }
        return gone == 3 && serving.server().stats().in_flight == 0;
    }));
}

TEST_CASE("a client that connects and goes without a word is not logged") {
    Serving serving;
    {
        auto client = serving.client();
    }
    CHECK(eventually([&] { return serving.server().stats().accepted == 1; }));
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
    serving.get("/x");
    CHECK(serving.log(1).size() == 1);
    CHECK(serving.log(1)[0].target == "/x");
}

TEST_CASE("a stream is logged when it ends, with all that was sent") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/stream"));
    const auto head = client.take(client.find("\r\n\r\n") + 4);
    serving.feed->say("end", true);
    std::string data;
    while (client.read_chunk(data)) {
    }
    const auto log = serving.log(1);
    CHECK(log[0].status == 200);
    CHECK(log[0].sent_bytes == head.size() + std::string("3\r\nend\r\n0\r\n\r\n").size());
}

TEST_CASE("a handler may end the connection with its answer") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/farewell") + get("/x"));
    const Reply reply = client.reply();
    CHECK(reply.status == 200);
    CHECK(reply.header("connection") == "close");
    CHECK(client.is_ended());
}

TEST_CASE("an error is application/problem+json to who prefers it") {
    Serving serving;
    const Reply plain = serving.get("/problem", "Accept: */*\r\n");
    CHECK(plain.header("content-type") == "application/json;charset=UTF-8");
    CHECK(plain.header("vary") == "Accept");
    const Reply reply = serving.get("/problem", "Accept: application/problem+json, */*;q=0.1\r\n");
    CHECK(reply.status == 409);
    CHECK(reply.header("content-type") == "application/problem+json");
    CHECK(reply.header("vary") == "Accept");
    CHECK(reply.header("retry-after") == "3");
    CHECK(
        reply.body == R"({"type":"about:blank","title":"Conflict","status":409,"detail":"not now",)"
                      R"("instance":"/problem"})"
    );
}

TEST_CASE("every answer is decorated, refusals included") {
    Serving serving;
    CHECK(serving.get("/x", "Origin: http://a\r\n").header("x-decorated") == "yes");
    CHECK(serving.get("/problem", "Origin: http://a\r\n").header("x-decorated") == "yes");
    CHECK(serving.get("/x", "Origin: http://a\r\nContent-Length: x\r\n").status == 400);
    CHECK(
        refused(serving, get("/x", "Origin: http://a\r\nHost: b\r\n")).header("x-decorated") ==
        "yes"
    );
    CHECK(serving.get("/x").header("x-decorated").empty());
}

// ---- Handlers

TEST_CASE("a handler may answer later, from any thread, and its request lives until then") {
    Serving serving;
    auto client = serving.client();
    client.send(post("the body", "", "/late"));
    auto [request, done] = serving.desk.take();
    std::thread other([&asked = *request, answer = std::move(done)] {
        answer(text("late: " + asked.body + " " + asked.target));
    });
    CHECK(client.reply().body == "late: the body /late");
    other.join();
}

TEST_CASE("many late answers from many threads reach their clients") {
    ServerOptions options;
    options.threads = 2;
    Serving serving(options);
    std::atomic<bool> over{false};
    std::vector<std::jthread> answering;
    answering.reserve(2);
    for (int i = 0; i < 2; ++i) {
        answering.emplace_back([&] {
            while (!over) {
                auto waiting = serving.desk.try_take();
                if (waiting) {
                    waiting->second(text(waiting->first->body));
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    std::vector<std::jthread> asking;
    asking.reserve(8);
    std::atomic<int> right{0};
    for (int c = 0; c < 4; ++c) {
        asking.emplace_back([&, c] {
            auto client = serving.client();
            for (int i = 0; i < 200; ++i) {
                const auto body = std::to_string(c) + "/" + std::to_string(i);
                client.send(post(body, "", "/late"));
                if (client.reply().body == body) {
                    ++right;
                }
            }
        });
    }
    asking.clear();
    over = true;
    CHECK(right == 800);
}

TEST_CASE("a handler that throws is a 500 that tells no detail, and an entry in the log") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/throw") + get("/throw-int") + get("/y"));
    const Reply reply = client.reply();
    CHECK(reply.status == 500);
    CHECK(reply.body.find("Internal Server Error") != std::string::npos);
    CHECK(reply.body.find("secret") == std::string::npos);
    CHECK(client.reply().status == 500);
    CHECK(client.reply().body == "GET /y ");
    REQUIRE(serving.errors().size() == 2);  // one each
    CHECK(serving.errors()[0] == reply.header("x-request-id") + ": secret detail");
}

TEST_CASE("a handler that drops its request is a 500, not a client that waits for ever") {
    Serving serving;
    CHECK(serving.get("/drop").status == 500);
    CHECK(serving.errors().size() == 1);
    auto client = serving.client();
    client.send(get("/late"));
    serving.desk.take().second = nullptr;
    CHECK(client.reply().status == 500);
}

TEST_CASE("the second answer to a request is ignored") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/late"));
    auto [request, done] = serving.desk.take();
    done(text("first"));
    done(text("second"));
    CHECK(client.reply().body == "first");
    done(text("third"));
    client.send(get("/y"));
    CHECK(client.reply().body == "GET /y ");
}

TEST_CASE("an answer to a client that has gone is dropped") {
    Serving serving;
    auto client = serving.client();
    client.send(post("still here", "", "/late"));
    auto [request, done] = serving.desk.take();
    client.reset();
    CHECK(request->body == "still here");
    done(text(std::string(1 << 20, 'x')));
    done = nullptr;
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
    CHECK(serving.get("/x").status == 200);
}

TEST_CASE("an answer after the server has stopped, or is no more, is dropped") {
    Serving serving;
    auto first = serving.client();
    auto second = serving.client();
    first.send(get("/late"));
    auto [request, done] = serving.desk.take();
    second.send(get("/late"));
    auto [other_request, other_done] = serving.desk.take();
    serving.server().stop(10ms);
    done(text("too late"));
    CHECK(other_request->target == "/late");
    serving.destroy_server();
    CHECK(other_request->target == "/late");
    other_done(text("far too late"));
}

// ---- What is refused

TEST_CASE("requests that are not HTTP/1 are refused") {
    Serving serving;
    CHECK(refusal(serving, "GET /\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\nHost: a\n\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
    CHECK(refusal(serving, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHo st: a\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost : a\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: w\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\ty\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/x.1\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / FTP/1.1\r\n\r\n") == 400);
    CHECK(serving.answered == 0);
}

TEST_CASE("other versions of HTTP are 505") {
    Serving serving;
    CHECK(refusal(serving, "GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505);
    CHECK(refusal(serving, "GET / HTTP/1.2\r\nHost: a\r\n\r\n") == 505);
    CHECK(refusal(serving, "GET / HTTP/0.9\r\nHost: a\r\n\r\n") == 505);
    CHECK(refusal(serving, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
}

TEST_CASE("an unknown method reaches the handler as such") {
    Serving serving;
    auto client = serving.client();
    client.send("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.reply().body == "? /pot ");
    CHECK(client.reply().body == "CONNECT  ");
}

TEST_CASE("a malformed target is 400 and names no more than it knows") {
    Serving serving;
    for (const std::string_view target : {"/%", "/%00", "/x?%zz", "x", "ftp://a/", "/a#b"}) {
        CAPTURE(target);
        CHECK(refusal(serving, get(target)) == 400);
    }
}

TEST_CASE("one Host there must be, and a valid one") {
    Serving serving;
    CHECK(refusal(serving, "GET / HTTP/1.1\r\n\r\n") == 400);
    CHECK(refusal(serving, get("/", "Host: b\r\n")) == 400);
    CHECK(refusal(serving, get("/", "hOST: a\r\n")) == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n") == 400);
    CHECK(refusal(serving, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400);
}

TEST_CASE("a body's length must be beyond doubt") {
    Serving serving;
    const auto with = [&](std::string_view fields) {
        return refusal(
            serving,
            "POST /x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
                "\r\nGET /smuggled HTTP/1.1\r\n\r\n"
        );
    };
    CHECK(with("Content-Length: 3\r\nContent-Length: 3\r\n") == 400);
    CHECK(with("Content-Length: 3\r\nContent-Length: 4\r\n") == 400);
    CHECK(with("Content-Length: 3, 3\r\n") == 400);
    CHECK(with("Content-Length: 3,\r\n") == 400);
    CHECK(with("Content-Length: +3\r\n") == 400);
    CHECK(with("Content-Length: -3\r\n") == 400);
    CHECK(with("Content-Length: 0x3\r\n") == 400);
    CHECK(with("Content-Length: 3 4\r\n") == 400);
    CHECK(with("Content-Length:\r\n") == 400);
    CHECK(with("Content-Length: 99999999999999999999\r\n") == 400);
    CHECK(with("Content-Length : 3\r\n") == 400);
    CHECK(with("Transfer-Encoding: gzip\r\n") == 501);
    CHECK(with("Transfer-Encoding: gzip, chunked\r\n") == 501);
    CHECK(with("Transfer-Encoding: chunked, gzip\r\n") == 501);
    CHECK(with("Transfer-Encoding: identity\r\n") == 501);
    CHECK(with("Transfer-Encoding: xchunked\r\n") == 501);
    CHECK(with("Transfer-Encoding: chunked;q=1\r\n") == 501);
    CHECK(with("Transfer-Encoding: \"chunked\"\r\n") == 501);
    CHECK(with("Transfer-Encoding:\r\n") == 501);
    CHECK(with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n") == 501);
    CHECK(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") == 400);
    CHECK(with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding : chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding:\r\n chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding: chunked\r\n\tx\r\n") == 400);
    CHECK(with("Content-Length: 3\r\n 4\r\n") == 400);
    CHECK(with("X: y\r\n Content-Length: 3\r\n") == 400);
    CHECK(
        refusal(
            serving, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ) == 400
    );
    CHECK(serving.answered == 0);
}

TEST_CASE("malformed chunks are refused, and what follows is no request") {
    Serving serving;
    const auto with = [&](std::string_view body) {
        return refusal(serving, std::string(chunked_head) + std::string(body));
    };
    CHECK(with("x\r\n") == 400);
    CHECK(with("5\nhello\r\n0\r\n\r\n") == 400);
    CHECK(with("5\r\nhelloGET / HTTP/1.1\r\n\r\n") == 400);
    CHECK(with("0\r\n\rx") == 400);
    CHECK(with("1;a\nb\r\n") == 400);
    CHECK(serving.answered == 0);
}

TEST_CASE("a trailer changes nothing") {
    Serving serving;
    auto client = serving.client();
    client.send(
        std::string(chunked_head) +
        "2\r\nhi\r\n0\r\nHost: evil\r\nContent-Length: 50\r\nConnection: close\r\nX-Admin: "
        "yes\r\n\r\n" +
        get("/y")
    );
    CHECK(client.reply().body == "POST /x hi");
    CHECK(serving.last().host == "a");
    CHECK_FALSE(serving.last().header("x-admin").has_value());
    CHECK(client.reply().body == "GET /y ");
}

TEST_CASE("sizes are bounded: target, fields, number of fields") {
    const ServerOptions options;
    Serving serving(options);
    const std::string fits(options.max_target_bytes - 1, 't');
    CHECK(serving.get("/" + fits).status == 200);
    CHECK(refusal(serving, get("/t" + fits)) == 414);
    CHECK(refusal(serving, "GET /" + std::string(100'000, 't')) == 414);
    CHECK(refusal(serving, std::string(100'000, 'G')) == 400);
    CHECK(
        serving.get("/x", "X: " + std::string(options.max_header_bytes - 100, 'f') + "\r\n")
            .status == 200
    );
    CHECK(
        refusal(serving, get("/x", "X: " + std::string(options.max_header_bytes, 'f') + "\r\n")) ==
        431
    );
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'f')) == 431);
    std::string fields;
    for (int i = 0; i < 300; ++i) {
        fields += "A: b\r\n";
    }
    CHECK(refusal(serving, get("/x", fields)) == 431);
    fields.clear();
    for (int i = 0; i < 200; ++i) {
        fields += "A: " + std::string(200, 'v') + "\r\n";
    }
    CHECK(refusal(serving, get("/x", fields)) == 431);
}

TEST_CASE("a header that comes line by line is bounded as a whole") {
    Serving serving;
    auto client = serving.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; ++i) {
        if (!client.send("X: " + std::string(500, 'f') + "\r\n")) {
            break;
        }
        if (client.hears_something(1)) {
            break;
        }
    }
    CHECK(client.reply().status == 431);
}

TEST_CASE("a body that is too large is 413, before it was sent where the header shows it") {
    ServerOptions options;
    options.max_body_bytes = 1000;
    Serving serving(options);
    auto fits = serving.client();
    fits.send(post(std::string(1000, 'b')));
    CHECK(fits.reply().status == 200);
    CHECK(refusal(serving, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n") == 413);
    CHECK(
        refusal(
            serving, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"
        ) == 413
    );
    CHECK(refusal(serving, std::string(chunked_head) + "3e9\r\n") == 413);
    CHECK(refusal(serving, std::string(chunked_head) + "ffffffffffffffff\r\n") == 413);
    std::string growing(chunked_head);
    for (int i = 0; i < 11; ++i) {
        growing += "64\r\n" + std::string(100, 'c') + "\r\n";
    }
    CHECK(refusal(serving, growing) == 413);
    CHECK(serving.answered == 1);
}

TEST_CASE("the refusal of a large body reaches a client that goes on sending") {
    Serving serving;
    auto client = serving.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client.send(std::string(3'000'000, 'b'));
    CHECK(client.reply().status == 413);
    CHECK(client.is_ended());
}

TEST_CASE("chunk extensions and trailers are bounded") {
    Serving serving;
    CHECK(refusal(serving, std::string(chunked_head) + "1;" + std::string(70'000, 'e')) == 431);
    std::string trailers;
    for (int i = 0; i < 100; ++i) {
        trailers += "T: " + std::string(1000, 't') + "\r\n";
    }
    CHECK(refusal(serving, std::string(chunked_head) + "0\r\n" + trailers) == 431);
}

TEST_CASE("a folded line is refused however it comes") {
    Serving serving;
    auto client = serving.client();
    client.send_byte_by_byte("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n");
    CHECK(client.reply().status == 400);
    CHECK(serving.answered == 0);
}

// ---- Expect

TEST_CASE("a client that expects 100-continue is told to go on") {
    Serving serving;
    auto client = serving.client();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
    CHECK(client.reply().status == 100);
    client.send("hello");
    CHECK(client.reply().body == "POST /x hello");
    client.send("GET /y HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.reply().body == "GET /y ");
    client.send(post("at once", "Expect: 100-continue\r\n"));
    CHECK(client.reply().body == "POST /x at once");
}

TEST_CASE("a client that expects 100-continue is refused without its body") {
    Serving serving;
    const auto expecting = [](std::string_view target, std::string_view fields) {
        return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
               "Expect: 100-continue\r\n\r\n";
    };
    CHECK(refusal(serving, expecting("/x", "Content-Length: 99999999\r\n")) == 413);
    CHECK(refusal(serving, expecting("/picky", "Content-Length: 5\r\n")) == 415);
    CHECK(refusal(serving, expecting("/x", "Transfer-Encoding: gzip\r\n")) == 501);
    CHECK(serving.answered == 0);
}

TEST_CASE("an expectation that nobody knows is 417, and HTTP/1.0 has none") {
    Serving serving;
    CHECK(refusal(serving, get("/x", "Expect: tea\r\n")) == 417);
    auto client = serving.client();
    client.send("POST /x HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK_FALSE(client.hears_something(30));
    client.send("hi");
    CHECK(client.reply().body == "POST /x hi");
}

// ---- Time

TEST_CASE("an idle connection is closed without a word") {
    ServerOptions options;
    options.idle_timeout = 50ms;
    Serving serving(options);
    auto fresh = serving.client();
    auto used = serving.client();
    used.send(get("/x"));
    CHECK(used.reply().status == 200);
    CHECK(used.is_ended());
    CHECK(fresh.is_ended());
    auto blank = serving.client();
    blank.send("\r\n");
    CHECK(blank.is_ended());
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
}

TEST_CASE("a header that takes too long is 408") {
    ServerOptions options;
    options.header_timeout = header_time(50ms);
    Serving serving(options);
    CHECK(refusal(serving, "G") == 408);
    CHECK(refusal(serving, "GET / HTTP/1.1\r\nHost: a\r\n") == 408);
    auto client = serving.client();
    client.send(get("/x") + "GET /second HT");
    CHECK(client.reply().status == 200);
    CHECK(client.reply().status == 408);
    CHECK(client.is_ended());
}

TEST_CASE("a slow client does not put off the header's deadline with each byte") {
    ServerOptions options;
    options.header_timeout = header_time(100ms);
    Serving serving(options);
    auto client = serving.client();
    client.send("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 1000 && !client.hears_something(10); ++i) {
        client.send("X: y\r\n");
    }
    CHECK(client.reply().status == 408);
}

TEST_CASE("a body that takes too long is 408") {
    ServerOptions options;
    options.body_timeout = 50ms;
    Serving serving(options);
    CHECK(refusal(serving, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhi") == 408);
    CHECK(refusal(serving, std::string(chunked_head) + "5\r\nhi") == 408);
    CHECK(serving.answered == 0);
}

TEST_CASE("a reader that does not read is dropped") {
    ServerOptions options;
    options.write_timeout = 100ms;
    Serving serving(options);
    RawClient client(serving.server().port(), 4096);
    client.send(get("/big"));
    CHECK(eventually([&] { return serving.answered == 1 && serving.server().connections() == 0; }));
}

TEST_CASE("an answer that takes its time is no timeout") {
    ServerOptions options;
    options.idle_timeout = options.body_timeout = options.write_timeout = 40ms;
    options.header_timeout = header_time(40ms);
    Serving serving(options);
    auto client = serving.client();
    client.send(get("/late"));
    auto [request, done] = serving.desk.take();
    CHECK_FALSE(client.hears_something(200));
    done(text("late"));
    CHECK(client.reply().body == "late");
}

TEST_CASE("a client that goes in the middle of a request is forgotten") {
    Serving serving;
    serving.client().send("GET / HT");
    serving.client().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhi");
    serving.client().send(std::string(chunked_head) + "5\r\nhi");
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
    CHECK(serving.answered == 0);
}

TEST_CASE("a connection that rested for long, and gave its buffer back, still serves") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/x"));
    CHECK(client.reply().status == 200);
    CHECK_FALSE(client.hears_something(2700));
    client.send(get("/y"));
    CHECK(client.reply().body == "GET /y ");
    CHECK_FALSE(client.hears_something(2700));
    client.close();
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
}

// ---- Streams

TEST_CASE("a stream is sent in chunks as it comes, and ends") {
    Serving serving;
    auto client = serving.client();
    serving.feed->pending = "first, longer than a piece";
    client.send(get("/stream"));
    REQUIRE(eventually([&] { return serving.feed->pulls > 0; }));
    std::string data;
    client.find("\r\n\r\n");
    const Reply head = [&] {
        Reply reply;
        reply.head = client.take(client.find("\r\n\r\n") + 4);
        return reply;
    }();
    CHECK(head.head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(head.head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(head.head.find("Content-Length") == std::string::npos);
    while (data.size() < 26) {
        client.read_chunk(data);
    }
    CHECK(data == "first, longer than a piece");
    CHECK_FALSE(client.hears_something(30));
    serving.feed->say("second");
    while (data.size() < 32) {
        client.read_chunk(data);
    }
    std::thread other([&] { serving.feed->say("third", true); });
    while (client.read_chunk(data)) {
    }
    other.join();
    CHECK(data == "first, longer than a piecesecondthird");
    client.send(get("/y"));
    CHECK(client.reply().body == "GET /y ");
    CHECK(serving.feed->streams == 0);
    CHECK(serving.log(2).at(0).target == "/stream");
}

TEST_CASE("a stream to HTTP/1.0 ends with the connection") {
    Serving serving;
    auto client = serving.client();
    serving.feed->pending = "all of it";
    serving.feed->ended = true;
    client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const Reply reply = client.reply();
    CHECK(reply.closes());
    CHECK(reply.header("transfer-encoding").empty());
    CHECK(reply.body == "all of it");
}

TEST_CASE("a stream that has nothing to say beats now and then") {
    ServerOptions options;
    options.heartbeat = 30ms;
    Serving serving(options);
    auto client = serving.client();
    client.send(get("/stream"));
    client.take(client.find("\r\n\r\n") + 4);
    std::string data;
    while (data.size() < 18) {
        client.read_chunk(data);
    }
    CHECK(data == ":beat\n:beat\n:beat\n");
    serving.feed->say("word");
    while (data.find("word") == std::string::npos) {
        client.read_chunk(data);
    }
}

TEST_CASE("being woken for nothing does not silence a stream's heartbeat") {
    ServerOptions options;
    options.heartbeat = 50ms;
    Serving serving(options);
    auto client = serving.client();
    client.send(get("/stream"));
    client.take(client.find("\r\n\r\n") + 4);
    std::atomic<bool> over{false};
    const std::jthread waking([&] {
        while (!over) {
            serving.feed->say("");
            std::this_thread::sleep_for(1ms);
        }
    });
    std::string data;
    client.read_chunk(data);
    over = true;
    CHECK(data == ":beat\n");
}

TEST_CASE("a stream ends at once when its client goes") {
    Serving serving;
    {
        auto client = serving.client();
        client.send(get("/stream"));
        CHECK(eventually([&] { return serving.feed->streams == 1; }));
    }
    CHECK(eventually([&] { return serving.feed->streams == 0; }));
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
    serving.feed->say("nobody listens");
}

TEST_CASE("a client that shuts down its side alone goes on getting its stream") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/stream"));
    client.take(client.find("\r\n\r\n") + 4);
    client.half_close();
    std::string data;
    CHECK(client.read_chunk(data));  // a heartbeat at once, which tells the two apart
    CHECK(data == ":beat\n");
    serving.feed->say("late");
    data.clear();
    CHECK(client.read_chunk(data));
    CHECK(data == "late");
    serving.feed->say("end", true);
    data.clear();
    while (client.read_chunk(data)) {
    }
    CHECK(data == "end");
    CHECK(client.is_ended());
}

TEST_CASE("what a client sends during a stream is answered after it") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/stream"));
    client.take(client.find("\r\n\r\n") + 4);
    client.send(get("/y"));
    client.send(get("/z"));
    CHECK_FALSE(client.hears_something(30));
    serving.feed->say("end", true);
    std::string data;
    while (client.read_chunk(data)) {
    }
    CHECK(data == "end");
    CHECK(client.reply().body == "GET /y ");
    CHECK(client.reply().body == "GET /z ");
}

TEST_CASE("a stream's reader that does not read is dropped") {
    ServerOptions options;
    options.write_timeout = 100ms;
    Serving serving(options);
    serving.feed->endless = true;
    RawClient client(serving.server().port(), 4096);
    client.send(get("/stream"));
    CHECK(eventually([&] { return serving.feed->streams == 1; }));
    CHECK(eventually([&] { return serving.feed->streams == 0; }));
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
}

TEST_CASE("an endless stream leaves others their turn") {
    ServerOptions options;
    options.threads = 1;
    Serving serving(options);
    serving.feed->endless = true;
    auto greedy = serving.client();
    greedy.send(get("/stream"));
    std::atomic<bool> over{false};
    const std::jthread reading([&] {
        std::string data;
        greedy.take(greedy.find("\r\n\r\n") + 4);
        while (!over) {
            greedy.read_chunk(data);
            data.clear();
        }
    });
    for (int i = 0; i < 20; ++i) {
        CHECK(serving.get("/x").status == 200);
    }
    over = true;
}

TEST_CASE("a stream that throws breaks the connection off and is reported") {
    Serving serving;
    auto client = serving.client();
    client.send(get("/stream"));
    client.take(client.find("\r\n\r\n") + 4);
    {
        const std::lock_guard lock(serving.feed->mutex);
        serving.feed->broken = true;
    }
    serving.feed->say("");
    CHECK(client.is_ended());
    CHECK(eventually([&] { return serving.server().connections() == 0; }));
    CHECK(serving.feed->streams == 0);
    CHECK(serving.errors().size() == 1);
}

// ---- Stopping

TEST_CASE("stopping closes idle connections and streams and waits for answers") {
    Serving serving;
    auto idle = serving.client();
    idle.send(get("/x"));
    idle.reply();
    auto streaming = serving.client();
    streaming.send(get("/stream"));
    streaming.take(streaming.find("\r\n\r\n") + 4);
    auto waiting = serving.client();
    waiting.send(get("/late") + get("/y"));
    auto [request, done] = serving.desk.take();

    std::atomic<bool> stopped{false};
    std::thread stopping([&] {
        serving.server().stop(10s);
        stopped = true;
    });
    CHECK(idle.is_ended());
    std::string data;
    CHECK_FALSE(streaming.read_chunk(data));
    CHECK(streaming.is_ended());
    CHECK_FALSE(stopped);
    CHECK(eventually([&] {
        try {
            serving.client();
            return false;
        } catch (const std::runtime_error&) {
            return true;
        }
    }));
    done(text("finished"));
    const Reply reply = waiting.reply();
    CHECK(reply.body == "finished");
    CHECK(reply.closes());
    CHECK(waiting.is_ended());
    stopping.join();
    CHECK(serving.server().connections() == 0);
}

TEST_CASE("a request that was half sent when stopping began is answered as the last") {
    Serving serving;
    auto client = serving.client();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    CHECK(eventually([&] { return serving.server().connections() == 1; }));
    CHECK_FALSE(client.hears_something(50));
    const std::uint16_t port = serving.server().port();
    std::thread stopping([&] { serving.server().stop(10s); });
    // It has begun when nobody else is accepted.
    CHECK(eventually([&] {
        try {
            const RawClient other(port, 0, nullptr);
            return false;
        } catch (const std::exception&) {
            return true;
        }
    }));
    CHECK_FALSE(client.hears_something(50));
    client.send("llo");
    const Reply reply = client.reply();
    CHECK(reply.body == "POST /x hello");
    CHECK(reply.closes());
    stopping.join();
}

TEST_CASE(
    "who waits to be accepted when stopping begins is answered" * doctest::skip(is_secure())
) {
    ServerOptions options;
    options.port = 0;
    options.threads = 1;
    std::binary_semaphore held{0};
    std::binary_semaphore go_on{0};
    Server server(
        options,
        [&](const Request& request, const Done& done) {
            if (request.path == "/hold") {
                held.release();
                go_on.acquire();
            }
            done(text("here"));
        },
        [](const Access&) {}
    );
    server.start();
    RawClient holding(server.port());
    holding.send(get("/hold"));
    held.acquire();
    // Its only thread is busy: these are connected and have sent, and nobody has accepted them.
    std::vector<RawClient> waiting;
    for (int i = 0; i < 200; ++i) {
        waiting.emplace_back(server.port());
        waiting.back().send(get("/x"));
    }
    std::jthread stopping([&] { server.stop(10s); });
    CHECK_FALSE(holding.hears_something(50));
    go_on.release();
    CHECK(holding.reply().body == "here");
    for (auto& client : waiting) {
        const Reply reply = client.reply();
        CHECK(reply.body == "here");
        CHECK(reply.closes());
        CHECK(client.is_ended());
    }
    stopping.join();
    CHECK(server.connections() == 0);
}

TEST_CASE("stopping gives up when its time is over") {
    Serving serving;
    auto waiting = serving.client();
    waiting.send(get("/late"));
    auto [request, done] = serving.desk.take();
    auto slow = serving.client();
    slow.send("GET / HT");
    serving.feed->endless = true;
    RawClient lazy(serving.server().port(), 4096);
    lazy.send(get("/stream"));
    CHECK(eventually([&] { return serving.server().connections() == 3; }));
    const auto before = std::chrono::steady_clock::now();
    serving.server().stop(50ms);
    CHECK(std::chrono::steady_clock::now() - before < 5s);
    CHECK(serving.server().connections() == 0);
    CHECK(serving.feed->streams == 0);
    CHECK(request->target == "/late");
}

TEST_CASE("a server may be stopped twice, never started, or just destroyed") {
    {
        Serving serving;
        auto client = serving.client();
        serving.server().stop(1s);
        serving.server().stop(1s);
    }
    ServerOptions options;
    options.port = 0;
    {
        const Server idle(options, [](Request&, const Done&) {}, {});
    }
    Server never(options, [](Request&, const Done&) {}, {});
    never.stop(1s);
    Serving serving;
    auto client = serving.client();
    client.send("GET / HT");
    auto waiting = serving.client();
    waiting.send(get("/late"));
    auto taken = serving.desk.take();
}

TEST_CASE("an address that is taken is an error before anything runs") {
    Serving serving;
    ServerOptions options;
    options.port = serving.server().port();
    CHECK_THROWS_AS(Server(options, [](Request&, const Done&) {}, {}), std::system_error);
    options.host = "no.such.host.invalid";
    CHECK_THROWS_AS(Server(options, [](Request&, const Done&) {}, {}), std::system_error);
}

TEST_CASE("IPv6 is served, its address in brackets") {
    ServerOptions options;
    options.port = 0;
    options.host = "::1";
    std::unique_ptr<Server> server;
    try {
        server = std::make_unique<Server>(options, [](Request& r, const Done& done) {
            done(text(r.host));
        });
    } catch (const std::system_error&) {
        return;  // a machine without IPv6
    }
    server->start();
    CHECK(server->address() == "[::1]:" + std::to_string(server->port()));
    const auto reply = fetch(Method::get, parse_url("http://" + server->address() + "/"));
    CHECK(reply.body == server->address());
}

TEST_CASE("[::] is every address, IPv4's too, and where there is no IPv6 those alone") {
    ServerOptions options;
    options.host = "::";
    Serving serving(options);
    const auto address = serving.server().address();
    CHECK((address.starts_with("[::]:") || address.starts_with("0.0.0.0:")));
    CHECK(serving.get("/x").status == 200);  // by IPv4
    CHECK(serving.log(1)[0].peer == "127.0.0.1");
}

// ---- Many

TEST_CASE("connections beyond the limit are told so at once" * doctest::skip(is_secure())) {
    ServerOptions options;
    options.max_connections = 3;
    Serving serving(options);
    std::vector<RawClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(serving.client());
        clients.back().send(get("/x"));
        CHECK(clients.back().reply().status == 200);
    }
    auto refused_client = serving.client();
    refused_client.send(get("/x"));
    const Reply reply = refused_client.reply();
    CHECK(reply.status == 503);
    CHECK(reply.closes());
    CHECK(reply.header("retry-after") == "1");
    CHECK(reply.body.find("\"status\":503") != std::string::npos);
    CHECK(refused_client.is_ended());
    clients.pop_back();
    CHECK(eventually([&] { return serving.server().connections() == 2; }));
    CHECK(serving.get("/x").status == 200);
}

TEST_CASE(
    "of many who are turned away at once each reads its 503, and few descriptors are held" *
    doctest::skip(is_secure())
) {
    ServerOptions options;
    options.threads = 1;
    options.max_connections = 1;
    options.max_turned_away = 4;
    Serving serving(options);
    auto first = serving.client();
    first.send(get("/x"));
    CHECK(first.reply().status == 200);
    std::vector<RawClient> refused_clients;
    for (int i = 0; i < 64; ++i) {
        refused_clients.push_back(serving.client());
        refused_clients.back().send(get("/x"));
    }
    for (RawClient& client : refused_clients) {
        CHECK(client.reply().status == 503);
    }
    CHECK(serving.server().stats().turned_away == 64);
}

TEST_CASE("many clients at once get what they asked for, until the server stops under them") {
    ServerOptions options;
    options.threads = 3;
    Serving serving(options);
    std::atomic<int> wrong{0};
    std::atomic<bool> stopped{false};
    std::atomic<int> right{0};
    std::vector<std::jthread> asking;
    asking.reserve(8);
    for (int c = 0; c < 8; ++c) {
        asking.emplace_back([&, c] {
            try {
                for (int i = 0;; ++i) {
                    auto client = serving.client();
                    for (int k = 0; k < 20; ++k) {
                        const auto body = std::to_string(c * 1'000'000 + i * 100 + k);
                        if (!client.send(post(body))) {
                            return;
                        }
                        if (client.reply().body == "POST /x " + body) {
                            ++right;
                        } else {
                            ++wrong;
                        }
                    }
                }
            } catch (const std::runtime_error&) {
                stopped = true;  // the server has closed
            }
        });
    }
    CHECK(eventually([&] { return right > 500; }));
    serving.server().stop(5s);
    asking.clear();
    CHECK(wrong == 0);
}

// ---- Our client

TEST_CASE("a URL is taken apart") {
    const Url plain = parse_url("http://shop");
    CHECK(plain.host == "shop");
    CHECK(plain.port == "80");
    CHECK(plain.target == "/");
    const Url full = parse_url("HTTP://[::1]:8080/a/b?c=d#e");
    CHECK(full.host == "::1");
    CHECK(full.port == "8080");
    CHECK(full.target == "/a/b?c=d");
    CHECK(parse_url("http://a:1?x").target == "/?x");
    const Url socket = parse_url("unix:/run/a b.sock");
    CHECK(socket.is_unix());
    CHECK(socket.path == "/run/a b.sock");
    CHECK(socket.target == "/");
    CHECK(authority_of(socket) == "localhost");
    const Url encoded = parse_url("http+unix://%2Frun%2fa%25.sock/b?c=d");
    CHECK(encoded.path == "/run/a%.sock");
    CHECK(encoded.target == "/b?c=d");
    CHECK(parse_url("http+unix://a.sock").target == "/");
    CHECK_FALSE(full.is_unix());
    CHECK_FALSE(full.is_tls);
    const Url secure = parse_url("HTTPS://shop.example/a");
    CHECK(secure.is_tls);
    CHECK(secure.port == "443");
    CHECK(authority_of(secure) == "shop.example");
    CHECK(origin_text(secure) == "https://shop.example");
    CHECK(origin_text(parse_url("https://[::1]:80/")) == "https://[::1]:80");
    CHECK(origin_text(parse_url("http://shop:443/")) == "http://shop:443");
    for (const std::string_view bad :
         {"",
          "shop",
          "ftp://shop",
          "https://",
          "http://",
          "http://:80",
          "http://a:99999",
          "http://a/b c",
          "unix:",
          "http+unix://",
          "http+unix://%2",
          "http+unix://%2g",
          "http+unix://a%00b"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(parse_url(bad), std::invalid_argument);
    }
}

TEST_CASE("the client fetches answers of every kind") {
    Serving serving;
    const auto plain = fetch(Method::get, serving.url("/a?b=c"), {}, {{"X-Request-Id", "mine"}});
    CHECK(plain.status == 200);
    CHECK(plain.body == "GET /a ");
    CHECK(fetch(Method::post, serving.url("/a"), "body").body == "POST /a body");
    CHECK(fetch(Method::del, serving.url("/empty")).status == 204);
    CHECK(fetch(Method::head, serving.url("/a")).body.empty());
    CHECK(fetch(Method::get, serving.url("/problem")).status == 409);
    CHECK(fetch(Method::get, serving.url("/big")).body.size() == 8 << 20);
    serving.feed->pending = "stream";
    serving.feed->ended = true;
    CHECK(fetch(Method::get, serving.url("/stream")).body == "stream");
    CHECK(fetch(Method::post, serving.url("/a"), std::string(2 << 20, 'x')).status == 413);
}

TEST_CASE("the client says when nobody answers") {
    std::uint16_t free_port = 0;
    {
        Serving serving;
        free_port = serving.server().port();
        CHECK_THROWS_AS(
            fetch(Method::get, serving.url("/late"), {}, {}, milliseconds(50)), std::system_error
        );
    }
    CHECK_THROWS_AS(
        fetch(Method::get, {"127.0.0.1", std::to_string(free_port), "/"}), std::system_error
    );
}

TEST_CASE("the client follows a stream until it has enough") {
    Serving serving;
    std::string data;
    int told = 0;
    std::thread feeding([&] {
        REQUIRE(eventually([&] { return serving.feed->streams == 1; }));
        REQUIRE(eventually([&] { return serving.feed->pulls > 0; }));
        serving.feed->say("one ");
        serving.feed->say("two ");
    });
    const int status = fetch_stream(
        serving.url("/stream"),
        {},
        [&](int s) { told = s; },
        [&](std::string_view piece) {
            data += piece;
            return data != "one two ";
        }
    );
    feeding.join();
    CHECK(status == 200);
    CHECK(told == 200);
    CHECK(eventually([&] { return serving.feed->streams == 0; }));
    data.clear();
    CHECK(fetch_stream(serving.url("/problem"), {}, {}, [&](std::string_view piece) {
              data += piece;
              return true;
          }) == 409);
    CHECK(data.find("not now") != std::string::npos);
}
