#include "http/cors.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace bookstore::http;

namespace {

Cors cors(std::string_view origins) {
    auto parsed = Cors::parse(origins);
    REQUIRE(parsed.has_value());
    return *parsed;
}

Request request_of(std::string origin, Method method = Method::get) {
    Request request;
    request.method = method;
    request.scheme = "https";
    request.host = "own.example";
    if (!origin.empty()) {
        request.headers.push_back({"origin", std::move(origin)});
    }
    return request;
}

Request preflight(std::string origin, std::optional<std::string> fields = {}) {
    Request request = request_of(std::move(origin), Method::options);
    request.headers.push_back({"Access-Control-Request-Method", "PUT"});
    if (fields) {
        request.headers.push_back({"Access-Control-Request-Headers", *fields});
    }
    return request;
}

/// What the client gets to see of CORS: the status (0: it is the router's answer) and fields.
struct Seen {
    int status = 0;
    std::vector<Header> headers;

    std::string header(std::string_view name) const {
        std::string values;
        for (const Header& header : headers) {
            if (header.name == name) {
                values += header.value + ";";
            }
        }
        return values;
    }
};

Seen see(const Cors& cors, const Request& request) {
    Response response;
    response.status = 0;
    if (auto answer = cors.intercept(request)) {
        if (auto* problem = std::get_if<Problem>(&*answer)) {
            response.status = problem->status;
        } else {
            response = std::move(std::get<Response>(*answer));
        }
    }
    cors.decorate(request, response);
    return {response.status, response.headers};
}

const std::string shop = "https://shop.example";
const std::string allow_origin = "Access-Control-Allow-Origin";

}  // namespace

TEST_CASE("origins are named by comma, and a malformed one is refused") {
    for (const std::string_view good :
         {"*",
          " * ",
          "",
          " ",
          "null",
          "https://a",
          "http://a:81, https://b,null",
          "app://x.y",
          "http://[::1]:8080",
          "https://a:443"}) {
        CAPTURE(good);
        CHECK(Cors::parse(good).has_value());
    }
    for (const std::string_view bad :
         {"shop.example",
          "https://",
          "://a",
          "https:/a",
          "https://a/",
          "https://a/b",
          "https://a?b",
          "https://u@a",
          "https://a:x",
          "https://a:",
          "https://a:65536",
          "https://a b",
          "1s://a",
          "https://*.a",
          "*,https://a",
          "https://a,*",
          "https://a,",
          ",",
          "https://a,,https://b",
          "https://a https://b"}) {
        CAPTURE(bad);
        const auto parsed = Cors::parse(bad);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error().find('\n') == std::string::npos);
    }
}

TEST_CASE("any origin may, and is told what it may read") {
    for (const std::string origin : {"https://shop.example", "http://localhost:3000", "null"}) {
        for (const Method method : {Method::get, Method::post, Method::del, Method::options}) {
            const Seen seen = see(Cors(), request_of(origin, method));
            CHECK(seen.status == 0);
            CHECK(seen.header(allow_origin) == "*;");
            CHECK(
                seen.header("Access-Control-Expose-Headers") ==
                "ETag, Location, Retry-After, Allow, Accept-Patch, X-Request-Id, traceresponse, "
                "Log-Begin, Log-End, RateLimit, RateLimit-Policy;"
            );
            CHECK(seen.headers.size() == 2);
        }
    }
}

TEST_CASE("a request without Origin is no business of CORS") {
    CHECK(see(Cors(), request_of("", Method::post)).headers.empty());
    CHECK(see(Cors(), request_of("", Method::post)).status == 0);
    CHECK(see(Cors(), preflight("")).status == 0);
    const Seen narrowed = see(cors(shop), request_of("", Method::post));
    CHECK(narrowed.status == 0);
    CHECK(narrowed.headers.size() == 1);
    CHECK(narrowed.header("Vary") == "Origin;");
}

TEST_CASE("a preflight is told methods, headers and for how long") {
    const Seen seen = see(Cors(), preflight(shop, "content-type,idempotency-key, if-match"));
    CHECK(seen.status == 204);
    CHECK(seen.header(allow_origin) == "*;");
    CHECK(
        seen.header("Access-Control-Allow-Methods") ==
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS;"
    );
    CHECK(seen.header("Access-Control-Allow-Headers") == "content-type,idempotency-key, if-match;");
    CHECK(seen.header("Access-Control-Max-Age") == "3600;");
    CHECK(seen.headers.size() == 4);
}

TEST_CASE("requested headers that are no list of tokens are left out") {
    const auto allowed = [](std::optional<std::string> fields) {
        const Seen seen = see(Cors(), preflight(shop, std::move(fields)));
        CHECK(seen.status == 204);
        return seen.header("Access-Control-Allow-Headers");
    };
    CHECK(allowed("x") == "x;");
    CHECK(allowed(std::string(2048, 'x')).size() == 2049);
    CHECK(allowed(std::nullopt).empty());
    for (const std::string bad : {"", ",", "a,", "a b", "a:b", "a,\"b\"", "a;b", "\xC3\xA4"}) {
        CAPTURE(bad);
        CHECK(allowed(bad).empty());
    }
    CHECK(allowed(std::string(2049, 'x')).empty());
}

TEST_CASE("what proxies say of clients is never allowed to a page") {
    const auto allowed = [](const Cors& cors, const std::string& fields) {
        const Seen seen = see(cors, preflight(shop, fields));
        CHECK(seen.status == 204);
        return seen.header("Access-Control-Allow-Headers");
    };
    for (const Cors& one : {Cors(), cors(shop)}) {
        CHECK(allowed(one, "forwarded").empty());
        CHECK(allowed(one, "Forwarded,X-FORWARDED-Host, x-forwarded-for").empty());
        CHECK(allowed(one, "x-forwarded-prefix,x-forwarded-anything").empty());
        CHECK(allowed(one, "content-type,forwarded,if-match") == "content-type, if-match;");
        CHECK(allowed(one, "x-forwarded-proto, accept") == "accept;");
        CHECK(allowed(one, "x-forwarded,forwarded-for") == "x-forwarded,forwarded-for;");
    }
}

namespace {

/// A request with these fields that asked for http://localhost:8080.
Request with(std::vector<Header> fields) {
    Request request;
    request.host = "localhost:8080";
    request.headers = std::move(fields);
    return request;
}

}  // namespace

TEST_CASE("a browser tells of a page of another origin by any of three fields") {
    const auto refused = [](std::vector<Header> fields) {
        return is_cross_origin(with(std::move(fields)));
    };
    CHECK_FALSE(refused({}));
    CHECK_FALSE(refused({{"Origin", "http://localhost:8080"}}));
    CHECK_FALSE(refused({{"Origin", "HTTP://LocalHost:8080"}}));
    CHECK(refused({{"Origin", "http://evil.example"}}));
    CHECK(refused({{"Origin", "https://localhost:8080"}}));
    CHECK(refused({{"Origin", "http://localhost"}}));
    CHECK(refused({{"Origin", "null"}}));
    CHECK(refused({{"Origin", ""}}));
    CHECK(refused({{"Referer", "http://evil.example/http://localhost:8080"}}));
    CHECK_FALSE(refused({{"Referer", "http://localhost:8080/console?a"}}));
    CHECK_FALSE(refused({{"Sec-Fetch-Site", "same-origin"}}));
    CHECK_FALSE(refused({{"Sec-Fetch-Site", "none"}}));
    CHECK(refused({{"Sec-Fetch-Site", "same-site"}}));
    CHECK(refused({{"Sec-Fetch-Site", "cross-site"}}));
    CHECK(refused({{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://localhost:8080"}}));
    CHECK(refused({{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://evil.example"}}));
}

TEST_CASE("behind a proxy a page's origin must be at both hosts, the asked one and the Host field"
) {
    const auto refused = [](std::string host, std::string received, std::vector<Header> fields) {
        Request request = with(std::move(fields));
        request.scheme = "https";
        request.host = std::move(host);
        request.replaced_host = std::move(received);
        return is_cross_origin(request);
    };
    const Header own{"Origin", shop};
    const Header page{"Referer", shop + "/console"};
    CHECK_FALSE(refused("shop.example", "", {own, page}));
    CHECK_FALSE(refused("shop.example", "shop.example:443", {own, page}));
    CHECK_FALSE(refused("shop.example:8443", "shop.example", {{"Origin", shop + ":8443"}}));
    // One of them is what a client made up, or what a page's own name led to.
    CHECK(refused("shop.example", "own.example", {own}));
    CHECK(refused("shop.example", "own.example", {page}));
    CHECK(refused("own.example", "shop.example", {own}));
    CHECK(refused("shop.example", "shop.example:8080", {own}));
    CHECK(refused("shop.example:8443", "shop.example:81", {{"Origin", shop + ":8443"}}));
    CHECK(refused("shop.example", "shop.example.own.example", {own}));
    CHECK(refused("[2001:db8::1]", "[2001:db8::2]", {{"Origin", "https://[2001:db8::1]"}}));
    CHECK_FALSE(
        refused("[2001:db8::1]:81", "[2001:db8::1]", {{"Origin", "https://[2001:db8::1]:81"}})
    );
    // A proxy that asks for a name of its own: the browser's word.
    CHECK_FALSE(refused("shop.example", "inner:8080", {own, {"Sec-Fetch-Site", "same-origin"}}));
    CHECK(refused("shop.example", "inner:8080", {own, {"Sec-Fetch-Site", "none"}}));
    CHECK(refused("own.example", "inner:8080", {own, {"Sec-Fetch-Site", "same-origin"}}));
}

TEST_CASE("what a page can embed is known by Sec-Fetch-*, or is any GET of a browser without them"
) {
    const auto embeddable = [](std::vector<Header> fields) {
        return is_embeddable(with(std::move(fields)));
    };
    const Header browser{
        "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"
    };
    const Header own{"Sec-Fetch-Site", "same-origin"};
    CHECK_FALSE(embeddable({}));
    CHECK_FALSE(embeddable({{"User-Agent", "curl/7.88.1"}}));
    CHECK_FALSE(embeddable({{"User-Agent", "HTTPie/3.2.1"}, {"Accept", "*/*"}}));
    for (const std::string destination :
         {"image", "script", "style", "iframe", "object", "audio"}) {
        CHECK(embeddable({browser, own, {"Sec-Fetch-Dest", destination}}));
        CHECK(embeddable({{"Sec-Fetch-Dest", destination}}));
    }
    CHECK(embeddable({browser, own, {"Sec-Fetch-Dest", "empty"}, {"Sec-Fetch-Mode", "no-cors"}}));
    CHECK_FALSE(embeddable({browser, own, {"Sec-Fetch-Dest", "empty"}, {"Sec-Fetch-Mode", "cors"}})
    );
    const Header typed{"Sec-Fetch-Site", "none"};
    const Header page{"Sec-Fetch-Dest", "document"};
    CHECK_FALSE(embeddable({browser, typed, page, {"Sec-Fetch-Mode", "navigate"}}));
    CHECK(embeddable({browser, typed, page, {"Sec-Purpose", "prefetch;prerender"}}));
    CHECK(embeddable({browser, typed, page, {"Purpose", "prefetch"}}));
    CHECK(embeddable({{"X-Moz", "prefetch"}}));
    // To a server without TLS that is not on its machine, a browser sends none of them.
    CHECK(embeddable({browser}));
    CHECK(embeddable({browser, {"Accept", "image/avif,image/webp,*/*;q=0.8"}}));
    CHECK_FALSE(embeddable({browser, {"X-Requested-With", "console"}}));
    CHECK(embeddable({browser, own, {"Sec-Fetch-Dest", "image"}, {"X-Requested-With", "console"}}));
}

TEST_CASE("OPTIONS is a preflight only with origin and method, and nothing else is") {
    CHECK(see(Cors(), request_of(shop, Method::options)).status == 0);
    Request put = preflight(shop);
    put.method = Method::put;
    CHECK(see(Cors(), put).status == 0);
}

TEST_CASE("a named origin may, and it alone is told so") {
    const Cors narrowed = cors("https://shop.example,http://localhost:3000");
    const Seen seen = see(narrowed, request_of(shop, Method::post));
    CHECK(seen.status == 0);
    CHECK(seen.header(allow_origin) == "https://shop.example;");
    CHECK(seen.header("Vary") == "Origin;");
    CHECK_FALSE(seen.header("Access-Control-Expose-Headers").empty());
    CHECK(see(narrowed, preflight("http://localhost:3000")).status == 204);
    CHECK(
        see(narrowed, preflight("http://localhost:3000")).header(allow_origin) ==
        "http://localhost:3000;"
    );
    CHECK(see(narrowed, preflight("http://localhost:3000")).header("Vary") == "Origin;");
}

TEST_CASE("an origin that is not named is refused its writes and preflights, and may read nothing"
) {
    const Cors narrowed = cors(shop);
    for (const std::string origin :
         {"https://evil.example",
          "http://shop.example",
          "https://shop.example:8443",
          "https://shop.example.evil",
          "https://evil.shop.example",
          "null",
          "",
          "*"}) {
        CAPTURE(origin);
        Request request = request_of(origin);
        if (origin.empty()) {
            request.headers.push_back({"Origin", ""});
        }
        for (const auto& [method, status] : std::vector<std::pair<Method, int>>{
                 {Method::get, 0},
                 {Method::head, 0},
                 {Method::options, 0},
                 {Method::post, 403},
                 {Method::put, 403},
                 {Method::patch, 403},
                 {Method::del, 403},
                 {Method::other, 403}
             }) {
            request.method = method;
            const Seen seen = see(narrowed, request);
            CHECK(seen.status == status);
            CHECK(seen.headers.size() == 1);
            CHECK(seen.header("Vary") == "Origin;");
        }
        request.method = Method::options;
        request.headers.push_back({"Access-Control-Request-Method", "GET"});
        CHECK(see(narrowed, request).status == 403);
        CHECK(see(narrowed, request).headers.size() == 1);
    }
}

TEST_CASE("the server's own origin may whatever is named") {
    for (const std::string_view origins : {"", "https://shop.example", "null"}) {
        const Cors narrowed = cors(origins);
        CHECK(see(narrowed, request_of("https://own.example", Method::post)).status == 0);
        CHECK(see(narrowed, request_of("http://own.example", Method::post)).status == 403);
        Request with_port = request_of("https://own.example", Method::post);
        with_port.host = "OWN.example:443";
        CHECK(see(narrowed, with_port).status == 0);
    }
    CHECK(see(cors(""), request_of(shop, Method::post)).status == 403);
    CHECK(see(cors(""), request_of("null", Method::post)).status == 403);
    CHECK(see(cors("null"), request_of("null", Method::post)).status == 0);
    CHECK(see(cors("null"), request_of("null", Method::post)).header(allow_origin) == "null;");
}

TEST_CASE("named origins are compared without case and default port") {
    CHECK(see(cors("HTTPS://Shop.Example:443"), request_of(shop, Method::post)).status == 0);
    CHECK(see(cors("http://a:80"), request_of("http://a", Method::post)).status == 0);
    CHECK(see(cors("http://a:8080"), request_of("http://a:80", Method::post)).status == 403);
    CHECK(see(cors("http://a:443"), request_of("http://a", Method::post)).status == 403);
}
