#include "http/hosts.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace bookstore::http;

namespace {

constexpr std::string_view own[] = {"van", "order"};

Hosts hosts(std::string_view list) {
    auto parsed = Hosts::parse(list, own);
    REQUIRE(parsed.has_value());
    return *parsed;
}

Request asked_for(std::string host, std::string_view reached_at = "192.0.2.7") {
    Request request;
    request.host = std::move(host);
    request.reached_at = parse_address(reached_at).value();
    return request;
}

/// As a trusted proxy passes it on under a name of its own, or of its client's.
Request passed_on(std::string host, std::string received) {
    Request request = asked_for(std::move(host));
    request.replaced_host = std::move(received);
    request.from_trusted_proxy = true;
    return request;
}

int refusal(const Hosts& hosts, const Request& request) {
    const auto problem = hosts.refusal(request);
    CHECK(problem.has_value() == !hosts.know(request));
    return problem ? problem->status : 0;
}

}  // namespace

TEST_CASE("names are listed by comma, without scheme and port, and a malformed one is refused") {
    for (const std::string_view good :
         {"",
          " ",
          "*",
          "shop.example",
          " shop.example , SHOP2.example.",
          "192.0.2.1,[2001:db8::1],2001:db8::2",
          "a-b_c"}) {
        CAPTURE(good);
        CHECK(Hosts::parse(good, own).has_value());
    }
    for (const std::string_view bad :
         {",",
          "shop.example,",
          "shop.example:8080",
          "http://shop.example",
          "shop.example/",
          "[2001:db8::1]:80",
          "[x]",
          "a b",
          "*.shop.example",
          "shop.example,*",
          "*,shop.example",
          "10.0.0.0/8",
          "300.1.1.1",
          "fe80::1%lo"}) {
        CAPTURE(bad);
        const auto parsed = Hosts::parse(bad, own);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().find('\n') == std::string::npos);
    }
}

TEST_CASE("without a list nothing is refused, and names that a page can have are foreign") {
    const Hosts any_list = hosts("");
    for (const std::string host :
         {"localhost",
          "LocalHost:8080",
          "localhost.",
          "shop.localhost:1",
          "127.0.0.1:8080",
          "127.1",
          "203.0.113.9",
          "[::1]:8080",
          "[2001:db8::1]",
          "van",
          "Order:8080"}) {
        CAPTURE(host);
        CHECK(any_list.know(asked_for(host)));
    }
    for (const std::string host :
         {"evil.example",
          "evil.example.:8080",
          "localhost.evil.example",
          "127.0.0.1.evil.example",
          "xlocalhost",
          "van.evil.example",
          "payment",
          "-"}) {
        CAPTURE(host);
        CHECK_FALSE(any_list.know(asked_for(host)));
        CHECK_FALSE(any_list.refusal(asked_for(host)));
    }
    CHECK(any_list.know(passed_on("shop.example", "inner")));
    CHECK_FALSE(Hosts().know(asked_for("van")));
}

TEST_CASE("with a list all else but loopback, the socket's own address and it is 421") {
    const Hosts listed = hosts("Shop.Example,198.51.100.1,[2001:db8::1]");
    for (const std::string host :
         {"shop.example",
          "SHOP.example.:8080",
          "localhost:8080",
          "a.localhost",
          "127.0.0.1",
          "127.9.9.9:81",
          "[::1]",
          "[::ffff:127.0.0.1]:80",
          "192.0.2.7:8080",
          "[::ffff:192.0.2.7]",
          "198.51.100.1",
          "[2001:db8:0::1]:8080",
          "van",
          "order:8080"}) {
        CAPTURE(host);
        CHECK(refusal(listed, asked_for(host)) == 0);
    }
    for (const std::string host :
         {"evil.example",
          "shop.example.evil",
          "evil.shop.example",
          "payment",
          "192.0.2.8",
          "127.1",
          "0.0.0.0",
          "[2001:db8::2]:8080",
          "[::]"}) {
        CAPTURE(host);
        CHECK(refusal(listed, asked_for(host)) == 421);
    }
    CHECK(refusal(listed, asked_for("[2001:db8::9]", "2001:db8::9")) == 0);
    const auto problem = listed.refusal(asked_for("evil.example:8080"));
    CHECK(problem->message.find("evil.example:8080") != std::string::npos);
    CHECK(problem->message.find("--allowed-hosts") != std::string::npos);
}

TEST_CASE("with a list a trusted proxy's two names count, the asked one and the Host field") {
    const Hosts listed = hosts("shop.example,inner");
    CHECK(refusal(listed, passed_on("shop.example", "127.0.0.1:8080")) == 0);
    CHECK(refusal(listed, passed_on("shop.example", "inner:8080")) == 0);
    CHECK(refusal(listed, passed_on("shop.example", "evil.example")) == 421);
    CHECK(refusal(listed, passed_on("evil.example", "shop.example")) == 421);
    const auto of_host = listed.refusal(passed_on("shop.example", "evil.example"));
    CHECK(of_host->message.find("evil.example") != std::string::npos);
}

TEST_CASE("with * every name is the server's") {
    CHECK(refusal(hosts("*"), asked_for("evil.example")) == 0);
    CHECK(refusal(hosts(" * "), passed_on("evil.example", "a")) == 0);
}
