#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "http_server/raw_client.hpp"
#include "story.hpp"

// Who is let in by which host name and from which page, as seen from outside.

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

/// Sends a request whose fields are exactly these; fields end in CR LF.
Reply send_raw(Story& story, const std::string& line, const std::string& fields) {
    RawClient client(static_cast<std::uint16_t>(std::stoi(story.process().port())));
    client.send(fmt::format("{} HTTP/1.1\r\n{}Content-Length: 0\r\n\r\n", line, fields));
    return client.reply();
}

std::string state_of(Story& story, const std::string& context) {
    return story.get("/modules/" + context).field("state");
}

const std::string browser =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36\r\n";

}  // namespace

// What was seen: nginx says X-Forwarded-Host, and passes the Forwarded of a page's fetch on.
TEST_CASE("a client's own Forwarded neither turns links away nor lets its page stop a context") {
    Story story({"--trusted-proxy", "127.0.0.1"});
    story.given_customer();
    const std::string proxied =
        "Host: shop.example\r\nX-Forwarded-Host: shop.example\r\nX-Forwarded-For: 192.0.2.1\r\n"
        "Forwarded: host=evil.example\r\n";
    const Reply shown = send_raw(story, "GET /customers/1", proxied);
    CHECK(shown.body.find("http://shop.example/customers/1") != std::string::npos);
    CHECK(shown.body.find("evil.example") == std::string::npos);
    const std::string stop = "POST /modules/payment/stop";
    CHECK(send_raw(story, stop, proxied + "Origin: http://evil.example\r\n").status == 403);
    CHECK(state_of(story, "payment") == "RUNNING");
    CHECK(send_raw(story, stop, proxied + "Origin: http://shop.example\r\n").status == 200);
    CHECK(state_of(story, "payment") == "STOPPED");
}

TEST_CASE("a page that names itself in the very family that is believed is refused by the Host") {
    Story story({"--trusted-proxy", "127.0.0.1", "--proxy-headers", "forwarded"});
    // A proxy that sets no Forwarded, against what it is told to.
    const std::string proxied = "Host: shop.example\r\nForwarded: host=evil.example\r\n";
    const std::string stop = "POST /modules/payment/stop";
    CHECK(send_raw(story, stop, proxied + "Origin: http://evil.example\r\n").status == 403);
    CHECK(send_raw(story, stop, proxied + "Origin: http://shop.example\r\n").status == 403);
    CHECK(state_of(story, "payment") == "RUNNING");
}

TEST_CASE("no preflight allows a page to say what proxies say") {
    Story story;
    const auto answer = story.send(
        Method::options,
        "/modules/payment/stop",
        {},
        {{"Origin", "https://evil.example"},
         {"Access-Control-Request-Method", "POST"},
         {"Access-Control-Request-Headers", "content-type,forwarded,x-forwarded-host"}}
    );
    CHECK(answer.status == 204);
    CHECK(answer.header("Access-Control-Allow-Headers") == "content-type");
}

TEST_CASE("/makeZombie is refused to whatever a page can embed, and done for tools and the console"
) {
    Story story;
    const auto asked = [&story](const std::string& fields) {
        return send_raw(story, "GET /makeZombie", "Host: localhost\r\n" + browser + fields).status;
    };
    const std::string own = "Sec-Fetch-Site: same-origin\r\n";
    CHECK(asked("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: image\r\n") == 403);
    CHECK(asked(own + "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n") == 403);
    CHECK(asked(own + "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n") == 403);
    CHECK(asked("Accept: image/avif,image/webp,*/*;q=0.8\r\n") == 403);
    CHECK(asked("Sec-Fetch-Site: none\r\nSec-Purpose: prefetch\r\n") == 403);
    CHECK(story.get("/isHealthy").status == 200);
    for (const std::string& fields :
         {own + "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n",
          std::string("Sec-Fetch-Site: none\r\nSec-Fetch-Dest: document\r\n"),
          std::string("X-Requested-With: console\r\n")}) {
        CAPTURE(fields);
        CHECK(asked(fields) == 200);
        CHECK(story.get("/isHealthy").status == 500);
        story.restart();
        CHECK(story.get("/isHealthy").status == 200);
    }
    CHECK(story.get("/makeZombie", {{"User-Agent", "HTTPie/3.2.1"}}).status == 200);
}

TEST_CASE("the original's host names, mapped to this machine, work for its drills") {
    Story story;
    for (const std::string name :
         {"gateway", "van", "order", "payment", "paymenthistory", "customer", "book", "delivery"}) {
        CAPTURE(name);
        const std::string host = fmt::format("Host: {}:8080\r\n", name);
        CHECK(send_raw(story, "POST /modules/van/stop", host).status == 200);
        CHECK(send_raw(story, "POST /modules/van/start", host).status == 200);
        CHECK(send_raw(story, "GET /requestPayment?payment=10", host).status == 200);
    }
    CHECK(send_raw(story, "POST /modules/van/stop", "Host: inventory:8080\r\n").status == 403);
    CHECK(send_raw(story, "GET /makeZombie", "Host: van.evil.example\r\n").status == 403);
    CHECK(send_raw(story, "GET /makeZombie", "Host: van:8080\r\n").status == 200);
}

TEST_CASE(
    "without --allowed-hosts customers come by any name, and operators by none that a page has"
) {
    Story story;
    story.given_customer();
    CHECK(send_raw(story, "GET /customers/1", "Host: shop.example\r\n").status == 200);
    CHECK(send_raw(story, "GET /modules", "Host: shop.example\r\n").status == 200);
    CHECK(send_raw(story, "POST /modules/van/stop", "Host: shop.example\r\n").status == 403);
    story.restart({"--allowed-hosts", "*"});
    CHECK(send_raw(story, "POST /modules/van/stop", "Host: shop.example\r\n").status == 200);
}

TEST_CASE("--allowed-hosts: what is for another name is 421, whatever it is, before its body") {
    Story story({"--allowed-hosts", "shop.example"});
    const auto asked = [&story](const std::string& line, const std::string& host) {
        return send_raw(story, line, fmt::format("Host: {}\r\n", host)).status;
    };
    for (const std::string line :
         {"GET /customers", "POST /modules/van/start", "GET /isReady", "OPTIONS /orders", "GET /no"
         }) {
        CAPTURE(line);
        CHECK(asked(line, "evil.example") == 421);
        CHECK(asked(line, "shop.example.evil:8080") == 421);
        CHECK(asked(line, "198.51.100.1") == 421);
        for (const std::string host :
             {"shop.example", "Shop.Example:81", "localhost:8080", "127.0.0.1:8080", "van"}) {
            CHECK(asked(line, host) < (line == "GET /no" ? 405 : 300));
        }
    }
    CHECK(asked("GET http://evil.example/customers", "shop.example") == 421);
    const auto refused = story.get("/customers", {});
    CHECK(refused.status == 200);  // at 127.0.0.1
    RawClient client(static_cast<std::uint16_t>(std::stoi(story.process().port())));
    client.send(
        "POST /customers HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 22\r\n"
        "Expect: 100-continue\r\n\r\n"
    );
    const Reply reply = client.reply();
    CHECK(reply.status == 421);
    CHECK(
        reply.body.find("\"message\":\"This server is not asked for at evil.example") !=
        std::string::npos
    );
    CHECK(client.is_ended());
    // HTTP/1.0 need not say for whom it is, and no browser speaks it.
    RawClient old(static_cast<std::uint16_t>(std::stoi(story.process().port())));
    old.send("GET /customers HTTP/1.0\r\n\r\n");
    CHECK(old.reply().status == 200);
}

TEST_CASE(
    "a --trusted-proxy, --proxy-headers or --allowed-hosts that says nothing is refused at the "
    "start"
) {
    for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
             {"--proxy-headers", "both"},
             {"--proxy-headers", ""},
             {"--allowed-hosts", "https://shop.example"},
             {"--allowed-hosts", "shop.example:8080"},
             {"--allowed-hosts", "*.shop.example"}
         }) {
        std::vector<std::string> arguments{"serve", "--listen", "127.0.0.1:0"};
        arguments.insert(arguments.end(), flags.begin(), flags.end());
        CAPTURE(flags[1]);
        const auto refused = run_bookstore(arguments);
        CHECK(refused.status != 0);
        CHECK(refused.error.find(flags[0]) != std::string::npos);
    }
}
