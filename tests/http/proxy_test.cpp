#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "story.hpp"

using namespace bookstore::test;
using bookstore::http::Header;

TEST_CASE("links are what a trusted proxy was asked for, and what nobody else says") {
    const std::vector<std::string> flags{
        "--trusted-proxy", "10.0.0.0/8,127.0.0.1", "--proxy-headers", "forwarded"
    };
    Story story(flags);
    const auto self = [&](std::vector<Header> headers) {
        return story.get("/customers/1", std::move(headers)).field("_links.self.href");
    };
    story.given_customer();
    const std::string own = story.process().url() + "/customers/1";
    const Header element{"Forwarded", "host=evil, for=192.0.2.1;host=shop.example;proto=https"};
    const std::string forwarded = "https://shop.example/customers/1";
    CHECK(self({}) == own);
    CHECK(self({element}) == forwarded);
    CHECK(self({{"X-Forwarded-Host", "shop.example"}}) == own);
    const auto created =
        story.send(Method::post, "/customers", R"({"customerName":"lee"})", {element});
    CHECK(created.header("Location") == "https://shop.example/customers/2");
    story.restart({"--trusted-proxy", "10.0.0.0/8,127.0.0.1"});
    CHECK(
        self(
            {{"X-Forwarded-For", "192.0.2.1, 10.0.0.1"},
             {"X-Forwarded-Host", "shop.example, inner"},
             {"X-Forwarded-Proto", "https"},
             {"X-Forwarded-Port", "8443"},
             element}
        ) == "https://shop.example:8443/customers/1"
    );
    CHECK(self({{"X-Forwarded-Host", "a/b"}, {"X-Forwarded-Proto", "gopher"}}).ends_with("/1"));
    CHECK(self({element}) == story.process().url() + "/customers/1");
    for (const std::string family : {"forwarded", "x-forwarded"}) {
        for (const std::string trusted : {"10.0.0.0/8", ""}) {
            story.restart({"--trusted-proxy", trusted, "--proxy-headers", family});
            CHECK(
                self({element, {"X-Forwarded-Host", "a"}}) == story.process().url() + "/customers/1"
            );
        }
    }
}

namespace {

/// How many links the text has; 0 when one of them leads elsewhere than below `base`.
std::size_t links_below(const std::string& base, const std::string& text) {
    constexpr std::string_view href = "\"href\":\"";
    std::size_t links = 0;
    for (auto at = text.find(href); at != text.npos; at = text.find(href, at + 1)) {
        if (text.compare(at + href.size(), base.size(), base) != 0) {
            return 0;
        }
        ++links;
    }
    return links;
}

}  // namespace

TEST_CASE("below a proxy's prefix every link leads through the proxy") {
    Story story({"--trusted-proxy", "127.0.0.1"});
    story.given_customer();
    story.given_book(10);
    REQUIRE(story.order_becomes(story.place_order(1, 1), "Shipped"));
    story.place_order(1, 1);
    const std::vector<Header> proxied{
        {"X-Forwarded-Host", "shop.example"},
        {"X-Forwarded-Proto", "https"},
        {"X-Forwarded-Prefix", "/shop"}
    };
    const std::string base = "https://shop.example/shop/";
    for (const std::string target :
         {"/",
          "/orders",
          "/orders?size=1&page=1",
          "/orders/1",
          "/orders/search",
          "/orders/search/findByCustomerId?customerId=1&size=1",
          "/payments/search/findByOrderId?orderId=1",
          "/paymentHistories/search/findByOrderId?orderId=1",
          "/rebuilds/my-page"}) {
        CAPTURE(target);
        CHECK(links_below(base, story.get(target, proxied).body) > 0);
    }
    CHECK(links_below(base, story.get("/profile", proxied).body) == 19);
    const auto created =
        story.send(Method::post, "/customers", R"({"customerName":"lee"})", proxied);
    CHECK(created.header("Location") == base + "customers/2");
    const auto rebuild = story.send(Method::post, "/rebuilds/my-page", {}, proxied);
    CHECK(rebuild.header("Location") == base + "rebuilds/my-page");
}
