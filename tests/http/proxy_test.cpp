#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "story.hpp"

using namespace bookstore::test;
using bookstore::http::Header;

TEST_CASE("links are what a trusted proxy was asked for, and what nobody else says") {
    Story story({"--trusted-proxy", "10.0.0.0/8,127.0.0.1"});
    const auto self = [&](std::vector<Header> headers) {
        return story.get("/customers/1", std::move(headers)).field("_links.self.href");
    };
    story.given_customer();
    const std::string own = story.process().url() + "/customers/1";
    const Header element{"Forwarded", "host=evil, for=192.0.2.1;host=shop.example;proto=https"};
    const std::string forwarded = "https://shop.example/customers/1";
    CHECK(self({}) == own);
    CHECK(self({element}) == forwarded);
    CHECK(
        self(
            {{"X-Forwarded-For", "192.0.2.1, 10.0.0.1"},
             {"X-Forwarded-Host", "shop.example, inner"},
             {"X-Forwarded-Proto", "https"},
             {"X-Forwarded-Port", "8443"}}
        ) == "https://shop.example:8443/customers/1"
    );
    CHECK(self({{"X-Forwarded-Host", "a/b"}, {"X-Forwarded-Proto", "gopher"}}) == own);
    const auto created =
        story.send(Method::post, "/customers", R"({"customerName":"lee"})", {element});
    CHECK(created.header("Location") == "https://shop.example/customers/2");
    story.restart({"--trusted-proxy", "10.0.0.0/8"});
    CHECK(self({element}) == story.process().url() + "/customers/1");
    story.restart();
    CHECK(self({element}) == story.process().url() + "/customers/1");
}
