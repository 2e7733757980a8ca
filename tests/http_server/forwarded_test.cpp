#include "http/forwarded.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace bookstore::http;

namespace {

std::vector<Network> networks(std::string_view list) {
    auto parsed = parse_networks(list);
    REQUIRE(parsed.has_value());
    return *parsed;
}

IpAddress address(std::string_view text) {
    const auto parsed = networks(text);
    REQUIRE(parsed.size() == 1);
    REQUIRE(parsed[0].prefix_bits == 128);
    return parsed[0].address;
}

bool has(std::string_view list, std::string_view text) {
    return contains(networks(list), address(text));
}

/// The prefix of links for a request with these headers and "Host: inner:8080" that a trusted
/// proxy sent.
std::string url(
    std::vector<Header> headers,
    ProxyHeaders believed = ProxyHeaders::x_forwarded,
    std::string_view trusted = "10.0.0.0/8"
) {
    Request request;
    request.host = "inner:8080";
    request.headers = std::move(headers);
    take_forwarded(request, networks(trusted), believed);
    CHECK(request.received_host() == "inner:8080");
    return request.base_url();
}

std::string url_of_forwarded(std::vector<Header> headers, std::string_view trusted = "10.0.0.0/8") {
    return url(std::move(headers), ProxyHeaders::forwarded, trusted);
}

std::string forwarded(std::string value) {
    return url_of_forwarded({{"Forwarded", std::move(value)}});
}

const std::string unchanged = "http://inner:8080";

}  // namespace

TEST_CASE("trusted networks are addresses and CIDRs by comma") {
    CHECK(networks("").empty());
    CHECK(networks(" ").empty());
    CHECK(networks("127.0.0.1, 10.0.0.0/8,::1 ,2001:db8::/32").size() == 4);
    CHECK(networks("10.1.2.3/8").size() == 1);
    CHECK(networks("0.0.0.0/0,::/0").size() == 2);
    for (const std::string_view bad :
         {"x",
          ",",
          "10.0.0.1,",
          ",10.0.0.1",
          "10.0.0.1 10.0.0.2",
          "10.0.0",
          "10.0.0.256",
          "010.0.0.1",
          "10.0.0.0/",
          "10.0.0.0/33",
          "10.0.0.0/-1",
          "10.0.0.0/+8",
          "10.0.0.0/8x",
          "10.0.0.0/255.0.0.0",
          "10.0.0.0/8/8",
          "/8",
          "::/129",
          "[::1]",
          "fe80::1%lo",
          "10.0.0.1:80",
          "localhost",
          "*"}) {
        CAPTURE(bad);
        const auto parsed = parse_networks(bad);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().find('\n') == std::string::npos);
    }
    CHECK(parse_networks("::1,shop").error().find("\"shop\"") != std::string::npos);
}

TEST_CASE("a network has the addresses that agree in its first bits") {
    CHECK(has("10.0.0.0/8", "10.255.0.1"));
    CHECK_FALSE(has("10.0.0.0/8", "11.0.0.1"));
    CHECK(has("10.1.2.3/8", "10.9.9.9"));
    CHECK(has("192.168.4.0/23", "192.168.5.255"));
    CHECK_FALSE(has("192.168.4.0/23", "192.168.6.0"));
    CHECK(has("127.0.0.1", "127.0.0.1"));
    CHECK_FALSE(has("127.0.0.1", "127.0.0.2"));
    CHECK(has("0.0.0.0/0", "203.0.113.9"));
    CHECK(has("2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(has("2001:db8::/33", "2001:db8:8000::1"));
    CHECK(has("::1,10.0.0.0/8", "10.0.0.1"));
    CHECK_FALSE(has("", "10.0.0.1"));
}

TEST_CASE("an IPv4-mapped address is that of IPv4, and no network of IPv6 has it") {
    CHECK(has("10.0.0.0/8", "::ffff:10.0.0.1"));
    CHECK(has("::ffff:10.0.0.0/104", "10.0.0.1"));
    CHECK_FALSE(has("::ffff:10.0.0.0/104", "11.0.0.1"));
    CHECK_FALSE(has("::/0", "10.0.0.1"));
    CHECK_FALSE(has("0.0.0.0/0", "2001:db8::1"));
    CHECK(has("::/0", "2001:db8::1"));
    CHECK_FALSE(has("10.0.0.0/8", "::10.0.0.1"));
}

TEST_CASE("Forwarded names scheme and host") {
    CHECK(forwarded("for=192.0.2.1;host=shop.example;proto=https") == "https://shop.example");
    CHECK(forwarded("For=192.0.2.1;HOST=shop.example;Proto=HTTPS") == "https://shop.example");
    CHECK(forwarded("host=\"shop.example:8443\";proto=\"https\"") == "https://shop.example:8443");
    CHECK(forwarded("host=shop.example:8443") == "http://shop.example:8443");
    CHECK(forwarded("host=\"[2001:db8::1]:81\"") == "http://[2001:db8::1]:81");
    CHECK(forwarded(R"(host="sh\op.example")") == "http://shop.example");
    CHECK(forwarded(" ; host=shop.example ; proto=https ;") == "https://shop.example");
    CHECK(forwarded("secret=x;by=_p;host=shop.example") == "http://shop.example");
    CHECK(forwarded("proto=https") == "https://inner:8080");
    CHECK(forwarded("host=\"shop.example:443\";proto=https") == "https://shop.example");
    CHECK(forwarded("for=192.0.2.1") == unchanged);
    CHECK(forwarded("") == unchanged);
    CHECK(forwarded(", ,host=shop.example,, ") == "http://shop.example");
}

TEST_CASE("a host or scheme that is none changes nothing") {
    for (const std::string_view bad :
         {"host=\"\"",
          "host=\"a b\"",
          "host=\"a/b\"",
          "host=\"u@h\"",
          "host=\"a:80:80\"",
          "host=\"a:99999\"",
          "host=\"a:\"",
          R"(host="a\"b")",
          "host=<script>",
          "proto=ftp",
          "proto=\"https://\"",
          "proto=javascript",
          "proto=\"\""}) {
        CAPTURE(bad);
        CHECK(forwarded(std::string(bad)) == unchanged);
        CHECK(
            url(
                {{std::string(bad).starts_with("host") ? "X-Forwarded-Host" : "X-Forwarded-Proto",
                  std::string(bad.substr(bad.find('=') + 1))}}
            ) == unchanged
        );
    }
}

TEST_CASE("a malformed Forwarded says nothing, and neither does what stands before it") {
    for (const std::string_view bad :
         {"host",
          "=a",
          "host=",
          "host = a",
          "host=a b",
          "host=\"a",
          "host=\"a\"b",
          "host=a\"b\"",
          R"(host="a\")",
          "host=a;host=b",
          "for=10.0.0.1;For=10.0.0.1;host=a",
          "host=a;proto=http;proto=https"}) {
        CAPTURE(bad);
        CHECK(forwarded(std::string(bad)) == unchanged);
        CHECK(forwarded("host=evil, " + std::string(bad)) == unchanged);
    }
}

TEST_CASE("what a client wrote before the proxy's element does not win") {
    const std::string own = "for=192.0.2.1;host=shop.example;proto=https";
    const std::string right = "https://shop.example";
    CHECK(forwarded("host=evil, " + own) == right);
    CHECK(forwarded("for=10.0.0.9;host=evil, " + own) == right);
    CHECK(url_of_forwarded({{"Forwarded", "host=evil"}, {"forwarded", own}}) == right);
    CHECK(url_of_forwarded({{"Forwarded", "host=\"evil"}, {"forwarded", own}}) == right);
    // An open quote swallows the proxy's element: nothing is believed then.
    CHECK(forwarded("host=evil;for=\", " + own) == unchanged);
    CHECK(forwarded("host=evil, for=\", for=\"[2001:db8::1]\";host=shop.example") == unchanged);
    CHECK(forwarded("host=evil, for=\"\\, " + own) == unchanged);
    CHECK(forwarded("host=evil, \", " + own + ", for=10.0.0.1;host=inner") == unchanged);
}

TEST_CASE("of the two families of headers one is believed, and the other says nothing") {
    const Header element{"Forwarded", "for=192.0.2.1;host=a;proto=https"};
    const std::vector<Header> others{
        {"X-Forwarded-Host", "b"},
        {"X-Forwarded-Proto", "https"},
        {"X-Forwarded-Port", "81"},
        {"X-Forwarded-Prefix", "/shop"}
    };
    std::vector<Header> both = others;
    both.push_back(element);
    CHECK(url(both) == "https://b:81/shop");
    CHECK(url_of_forwarded(both) == "https://a");
    CHECK(url({element}) == unchanged);
    CHECK(url_of_forwarded(others) == unchanged);
    // Not even where the believed one is there and says nothing that could be used.
    CHECK(url({element, {"X-Forwarded-Host", "a/b"}}) == unchanged);
    CHECK(url_of_forwarded({{"Forwarded", "host=\"a"}, {"X-Forwarded-Host", "b"}}) == unchanged);
}

TEST_CASE("Forwarded is followed from the right for as long as its clients are trusted") {
    CHECK(forwarded("for=192.0.2.1;host=a, for=10.0.0.1;host=b") == "http://a");
    CHECK(forwarded("host=evil, for=192.0.2.1;host=a, for=10.0.0.1;host=b") == "http://a");
    CHECK(forwarded("host=a, for=192.0.2.1;host=b, for=10.0.0.2;host=c") == "http://b");
    CHECK(forwarded("for=192.0.2.1;host=a, for=10.0.0.2, for=10.0.0.1") == "http://a");
    // A further proxy that says nothing leaves what the nearer one said.
    CHECK(forwarded("for=192.0.2.1, for=10.0.0.1;host=b;proto=https") == "https://b");
    CHECK(forwarded("for=192.0.2.1;host=a, for=10.0.0.1;host=b;proto=https") == "https://a");
    CHECK(forwarded("for=10.0.0.2;host=a, for=10.0.0.1;host=b") == "http://a");
    CHECK(
        url_of_forwarded(
            {{"Forwarded", "for=192.0.2.1;host=a"}, {"Forwarded", "for=10.0.0.1;host=b"}}
        ) == "http://a"
    );
}

TEST_CASE("a client is named with a port, in brackets, hidden or not at all") {
    const auto goes_on_beyond = [](std::string_view client) {
        const std::vector<Header> headers{
            {"Forwarded", "host=a, for=" + std::string(client) + ";host=b"}
        };
        return url_of_forwarded(headers, "10.0.0.0/8,2001:db8::/32") == "http://a";
    };
    CHECK(goes_on_beyond("10.0.0.1"));
    CHECK(goes_on_beyond("\"10.0.0.1\""));
    CHECK(goes_on_beyond("\"10.0.0.1:4711\""));
    CHECK(goes_on_beyond("10.0.0.1:4711"));
    CHECK(goes_on_beyond("\"10.0.0.1:_port\""));
    CHECK(goes_on_beyond("\"[2001:db8::1]:4711\""));
    CHECK(goes_on_beyond("\"[2001:db8::1]\""));
    CHECK(goes_on_beyond("\"[2001:DB8::1]\""));
    CHECK(goes_on_beyond("\"[::ffff:10.0.0.1]\""));
    CHECK_FALSE(goes_on_beyond("\"[2001:db9::1]:4711\""));
    CHECK_FALSE(goes_on_beyond("192.0.2.1"));
    CHECK_FALSE(goes_on_beyond("_hidden"));
    CHECK_FALSE(goes_on_beyond("unknown"));
    CHECK_FALSE(goes_on_beyond("\"\""));
    CHECK_FALSE(goes_on_beyond("\"[2001:db8::1\""));
    CHECK_FALSE(goes_on_beyond("\"[2001:db8::1]x\""));
    CHECK_FALSE(goes_on_beyond("10.0.0.1x"));
}

TEST_CASE("X-Forwarded-* names scheme, host, port and prefix") {
    CHECK(url({{"x-forwarded-host", "shop.example"}}) == "http://shop.example");
    CHECK(url({{"X-Forwarded-Proto", "HTTPS"}}) == "https://inner:8080");
    CHECK(
        url(
            {{"X-Forwarded-For", "192.0.2.1"},
             {"X-Forwarded-Host", "shop.example"},
             {"X-Forwarded-Proto", "https"},
             {"X-Forwarded-Port", "8443"},
             {"X-Forwarded-Prefix", "/shop"}}
        ) == "https://shop.example:8443/shop"
    );
    CHECK(url({{"X-Forwarded-For", "192.0.2.1"}}) == unchanged);
}

TEST_CASE("X-Forwarded-Port counts where the host has none and it is not the usual one") {
    const auto with = [](std::string host, std::string proto, std::string port) {
        return url(
            {{"X-Forwarded-Host", std::move(host)},
             {"X-Forwarded-Proto", std::move(proto)},
             {"X-Forwarded-Port", std::move(port)}}
        );
    };
    CHECK(with("a", "https", "443") == "https://a");
    CHECK(with("a", "http", "443") == "http://a:443");
    CHECK(with("a:443", "https", "443") == "https://a");
    CHECK(with("a:443", "https", "") == "https://a");
    CHECK(with("a:80", "http", "") == "http://a");
    CHECK(with("a:443", "http", "") == "http://a:443");
    CHECK(with("a:1443", "https", "") == "https://a:1443");
    CHECK(with("[2001:db8::443]", "https", "") == "https://[2001:db8::443]");
    CHECK(with("[2001:db8::1]:443", "https", "") == "https://[2001:db8::1]");
    CHECK(with("a", "http", "80") == "http://a");
    CHECK(with("a", "https", "80") == "https://a:80");
    CHECK(with("a:81", "https", "8443") == "https://a:81");
    CHECK(with("[2001:db8::1]", "https", "8443") == "https://[2001:db8::1]:8443");
    CHECK(with("[2001:db8::1]:81", "https", "8443") == "https://[2001:db8::1]:81");
    for (const std::string bad : {"0", "65536", "-1", "x", "", "81 82", "+81"}) {
        CAPTURE(bad);
        CHECK(with("a", "http", bad) == "http://a");
    }
}

TEST_CASE("X-Forwarded-Prefix is a plain path") {
    const auto prefix = [](std::string text) {
        const auto whole = url({{"X-Forwarded-Prefix", std::move(text)}});
        return whole.substr(unchanged.size());
    };
    CHECK(prefix("/shop") == "/shop");
    CHECK(prefix("/shop/") == "/shop");
    CHECK(prefix("/a/b-c_d.e~f") == "/a/b-c_d.e~f");
    CHECK(prefix("/") == "");
    CHECK(prefix("/" + std::string(255, 'a')).size() == 256);
    for (const std::string bad :
         {"shop",
          "//evil",
          "//",
          "/a//b",
          "/a//",
          "/..",
          "/../a",
          "/a/.",
          "/a b",
          "/a?b",
          "/a#b",
          "/%2e",
          "/a\\b",
          "/\"x",
          "/{id}",
          "http://evil",
          ""}) {
        CAPTURE(bad);
        CHECK(prefix(bad) == "");
    }
    CHECK(prefix("/" + std::string(256, 'a')) == "");
}

TEST_CASE("X-Forwarded-* is followed from the right for as long as its clients are trusted") {
    const auto with = [](std::string clients, std::string hosts) {
        return url({{"X-Forwarded-For", std::move(clients)}, {"X-Forwarded-Host", std::move(hosts)}}
        );
    };
    CHECK(with("192.0.2.1", "a") == "http://a");
    CHECK(with("x, 192.0.2.1", "evil, a") == "http://a");
    CHECK(with("10.0.0.9, 192.0.2.1", "evil, a") == "http://a");
    CHECK(with("192.0.2.1, 10.0.0.1", "a, b") == "http://a");
    CHECK(with("x, 192.0.2.1, 10.0.0.1", "evil, a, b") == "http://a");
    CHECK(with("192.0.2.1:80, 10.0.0.1:80", "a, b") == "http://a");
    CHECK(with("192.0.2.1, ::ffff:10.0.0.1", "a, b") == "http://a");
    CHECK(with("unknown, 10.0.0.1", "a, b") == "http://a");
    CHECK(with("10.0.0.1, unknown", "a, b") == "http://b");
    // One that was overwritten by the last proxy instead of appended to.
    CHECK(with("192.0.2.1, 10.0.0.1", "b") == "http://b");
    CHECK(with("", "evil, a") == "http://a");
    // These lists know no quotes, so that one cannot be left open.
    CHECK(with("x, 192.0.2.1, 10.0.0.1", "evil, \", a, b") == "http://a");
    CHECK(with("x, \", 192.0.2.1, 10.0.0.1", "evil, evil, a, b") == "http://a");
    CHECK(
        url(
            {{"X-Forwarded-For", "192.0.2.1"},
             {"X-Forwarded-For", "10.0.0.1"},
             {"X-Forwarded-Host", "a"},
             {"X-Forwarded-Host", "b"},
             {"X-Forwarded-Proto", "https, http"},
             {"X-Forwarded-Port", "8443, 8080"},
             {"X-Forwarded-Prefix", "/shop, /inner"}}
        ) == "https://a:8443/shop"
    );
}
