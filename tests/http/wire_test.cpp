#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http_server/raw_client.hpp"
#include "story.hpp"

// The whole bookstore at the level of bytes. tests/http_server has more shapes, against the server
// by itself.

using namespace bookstore::test;

namespace {

const std::string kim = R"({"customerName":"kim"})";
const std::string json_type = "Content-Type: application/json\r\n";

std::string get(const std::string& target, const std::string& fields = {}) {
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string post(
    const std::string& body, const std::string& fields, const std::string& target = "/customers"
) {
    return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

std::string counted(const std::string& body) {
    return "Content-Length: " + std::to_string(body.size()) + "\r\n";
}

/// A bookstore, and clients that speak bytes.
class Wire {
  public:
    explicit Wire(std::vector<std::string> flags = {}) : story_(std::move(flags)) {}

    RawClient client() {
        return RawClient(static_cast<std::uint16_t>(std::stoi(story_.process().port())));
    }
    Story& story() { return story_; }
    int customers() { return std::stoi(story_.of("/customers", "page.totalElements")); }

    /// The status of the answer to bytes that must be the connection's last.
    int refusal(std::string_view bytes) {
        auto client = this->client();
        client.send(bytes);
        const Reply reply = client.reply();
        CHECK(reply.closes());
        CHECK(reply.body.starts_with("{\"timestamp\":\""));
        CHECK(client.is_ended());
        return reply.status;
    }

  private:
    Story story_;
};

}  // namespace

TEST_CASE("pipelined requests of every kind are answered in order") {
    Wire wire;
    auto client = wire.client();
    const std::string tail = kim.substr(5);
    client.send(
        "\r\n" + post(kim, json_type + counted(kim)) + get("/customers/1") +
        post(
            "5;x=y\r\n" + kim.substr(0, 5) + "\r\n11\r\n" + tail + "\r\n0\r\nHost: b\r\n\r\n",
            "Transfer-Encoding: chunked\r\n"
        ) +
        get("/customers/2/")
    );
    REQUIRE(tail.size() == 0x11);
    CHECK(client.reply().header("location") == "http://a/customers/1");
    CHECK(client.reply().status == 200);
    CHECK(client.reply().header("location") == "http://a/customers/2");
    CHECK(client.reply().status == 200);
    // The body of a request that is refused for what it asks is no request either.
    client.send(
        post(get("/isReady"), counted(get("/isReady")), "/nothing") +
        post(get("/isReady"), "Content-Type: text/plain\r\n" + counted(get("/isReady"))) +
        "DELETE /customers HTTP/1.1\r\nHost: a\r\n" + counted(get("/isReady")) + "\r\n" +
        get("/isReady") + "HEAD /customers HTTP/1.1\r\nHost: a\r\n\r\n" + get("/books")
    );
    CHECK(client.reply().status == 404);
    CHECK(client.reply().status == 415);
    CHECK(client.reply().status == 405);
    CHECK(client.reply(true).status == 200);
    CHECK(client.reply().body.find("\"books\":[]") != std::string::npos);
    CHECK(wire.customers() == 2);
}

TEST_CASE("HTTP/1.0 is served and closed, without chunks") {
    Wire wire;
    auto poster = wire.client();
    poster.send("POST /customers HTTP/1.0\r\n" + json_type + counted(kim) + "\r\n" + kim);
    const Reply created = poster.reply();
    CHECK(created.status == 201);
    CHECK(created.closes());
    CHECK(created.header("location").starts_with("http://127.0.0.1:"));
    CHECK(poster.is_ended());
    REQUIRE(wire.story().published("Registered", 1));
    auto reader = wire.client();
    reader.send("GET /events?from=beginning&follow=false HTTP/1.0\r\n\r\n");
    const Reply events = reader.reply();
    CHECK(events.header("transfer-encoding").empty());
    CHECK(events.closes());
    CHECK(events.body.find("\"eventType\":\"Registered\"") != std::string::npos);
}

TEST_CASE("who expects 100-continue is told to go on, or refused before sending the body") {
    Wire wire;
    const std::string expecting = "Expect: 100-continue\r\n" + counted(kim);
    auto client = wire.client();
    client.send(post("", json_type + expecting));
    CHECK(client.reply().status == 100);
    client.send(kim);
    CHECK(client.reply().status == 201);
    CHECK(wire.refusal(post("", "Content-Type: text/plain\r\n" + expecting)) == 415);
    CHECK(wire.refusal(post("", "Accept: image/png\r\n" + expecting)) == 406);
    CHECK(wire.refusal(post("", expecting, "/nothing")) == 404);
    CHECK(wire.refusal(post("", expecting, "/deliveries")) == 405);
    CHECK(wire.refusal(post("", "Expect: 100-continue\r\nContent-Length: 9999999\r\n")) == 413);
    CHECK(wire.refusal(get("/", "Expect: tea\r\n")) == 417);
    CHECK(wire.customers() == 1);
}

TEST_CASE("what could be taken for two requests is refused, and nothing of it done") {
    Wire wire;
    const std::string smuggled = post(kim, json_type + counted(kim));
    const auto with = [&](const std::string& fields) {
        CAPTURE(fields);
        return wire.refusal(post("0\r\n\r\n" + smuggled, json_type + fields));
    };
    CHECK(with("Transfer-Encoding: gzip\r\n") == 501);
    CHECK(with("Transfer-Encoding: gzip, chunked\r\n") == 501);
    CHECK(with("Transfer-Encoding: xchunked\r\n") == 501);
    CHECK(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n") == 400);
    CHECK(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
    CHECK(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding:\r\n chunked\r\n") == 400);
    CHECK(with("Transfer-Encoding : chunked\r\n") == 400);
    CHECK(with("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
    CHECK(with("Content-Length: 5, 5\r\n") == 400);
    CHECK(with("Content-Length: 5\r\nHost: b\r\n") == 400);
    CHECK(
        wire.refusal(
            "POST /customers HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled
        ) == 400
    );
    CHECK(wire.refusal("POST /customers HTTP/1.1\r\n" + counted(kim) + "\r\n" + kim) == 400);
    CHECK(wire.refusal("POST /customers HTTP/1.1\nHost: a\n" + counted(kim) + "\r\n" + kim) == 400);
    CHECK(
        wire.refusal(post("5\nhello\n0\n\n" + smuggled, "Transfer-Encoding: chunked\r\n")) == 400
    );
    CHECK(wire.customers() == 0);
}

TEST_CASE("other versions of HTTP are 505, unknown methods 501") {
    Wire wire;
    CHECK(wire.refusal("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505);
    auto client = wire.client();
    client.send("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n" + get("/isReady"));
    CHECK(client.reply().status == 501);
    CHECK(client.reply().status == 200);
}

TEST_CASE("TRACE and CONNECT are known, and allowed nowhere: 405") {
    Wire wire;
    auto client = wire.client();
    client.send(
        "TRACE /customers HTTP/1.1\r\nHost: a\r\n\r\nCONNECT /customers HTTP/1.1\r\nHost: a\r\n\r\n"
        "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nTRACE /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
    );
    for (int i = 0; i < 2; ++i) {
        const Reply reply = client.reply();
        CHECK(reply.status == 405);
        CHECK(reply.header("allow") == "GET, HEAD, POST, OPTIONS");
    }
    CHECK(client.reply().status == 405);
    CHECK(client.reply().status == 404);
}

TEST_CASE("sizes and times are bounded by their flags") {
    Wire wire(
        {"--max-body-bytes",
         "100",
         "--max-header-bytes",
         "300",
         "--max-target-bytes",
         "50",
         "--header-timeout",
         "100",
         "--body-timeout",
         "100"}
    );
    CHECK(wire.refusal(post("", "Content-Length: 101\r\n")) == 413);
    CHECK(wire.refusal(post("65\r\n", "Transfer-Encoding: chunked\r\n")) == 413);
    CHECK(wire.refusal(get("/", "X: " + std::string(300, 'x') + "\r\n")) == 431);
    CHECK(wire.refusal(get("/" + std::string(50, 'x'))) == 414);
    CHECK(wire.refusal("GET / HTTP/1.1\r\nHo") == 408);
    CHECK(wire.refusal(post("{", json_type + "Content-Length: 22\r\n")) == 408);
    CHECK(wire.refusal(post("5\r\n{", json_type + "Transfer-Encoding: chunked\r\n")) == 408);
    CHECK(wire.customers() == 0);
}

TEST_CASE("idle connections are closed and connections are counted, by their flags") {
    Wire wire({"--idle-timeout", "100", "--max-connections", "1"});
    auto first = wire.client();
    first.send(get("/isReady"));
    CHECK(first.reply().status == 200);
    CHECK(first.is_ended());
    Wire patient({"--max-connections", "1"});
    std::optional<RawClient> only;
    // The connection of who waited for the start may still be going.
    REQUIRE(eventually([&] {
        only.emplace(patient.client());
        only->send(get("/isReady"));
        return only->reply().status == 200;
    }));
    auto second = patient.client();
    const Reply reply = second.reply();
    CHECK(reply.status == 503);
    CHECK(reply.header("retry-after") == "1");
    CHECK(second.is_ended());
}
