#include <doctest/doctest.h>

#include "http_server/raw_client.hpp"
#include "story.hpp"

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

const std::string kim = R"({"customerName":"kim"})";
const std::string shop = "https://shop.example";
const std::string exposed =
    "ETag, Location, Retry-After, Allow, Accept-Patch, X-Request-Id, traceresponse, "
    "Log-Begin, Log-End, RateLimit, RateLimit-Policy";

std::vector<Header> from(const std::string& origin) {
    return {{"Origin", origin}};
}

Answer preflight(Story& story, const std::string& target, const std::string& origin) {
    return story.send(
        Method::options,
        target,
        {},
        {{"Origin", origin},
         {"Access-Control-Request-Method", "PUT"},
         {"Access-Control-Request-Headers", "content-type, if-match"}}
    );
}

/// What a page of that origin may do; "" where nothing is wrong with how it is let in.
std::string welcome_fault(Story& story, const std::string& origin, const std::string& allowed) {
    const Answer before = preflight(story, "/customers/1", origin);
    if (before.status != 204 || before.header("Access-Control-Allow-Origin") != allowed) {
        return "the preflight is " + std::to_string(before.status);
    }
    const Answer post = story.send(Method::post, "/customers", kim, from(origin));
    if (post.status != 201 || post.header("Access-Control-Allow-Origin") != allowed) {
        return "the POST is " + std::to_string(post.status);
    }
    return post.header("Access-Control-Expose-Headers") == exposed ? "" : "it may not read fields";
}

std::string refusal_fault(Story& story, const std::string& origin) {
    const Answer before = preflight(story, "/customers/1", origin);
    if (const auto fault = error_fault(before, 403, "/customers/1"); !fault.empty()) {
        return fault;
    }
    const auto customers = story.of("/customers", "page.totalElements");
    const Answer post = story.send(Method::post, "/customers", kim, from(origin));
    if (const auto fault = error_fault(post, 403, "/customers"); !fault.empty()) {
        return fault;
    }
    if (story.of("/customers", "page.totalElements") != customers) {
        return "the POST did something";
    }
    const Answer get = story.get("/customers", from(origin));
    if (get.status != 200) {
        return "the GET is " + std::to_string(get.status);
    }
    for (const Answer* answer : {&before, &post, &get}) {
        if (!answer->header("Access-Control-Allow-Origin").empty()) {
            return "it may read an answer";
        }
        if (answer->header("Vary") != "Accept, Origin") {
            return "an answer does not vary by origin";
        }
    }
    return {};
}

}  // namespace

TEST_CASE("by default pages of any origin may use the bookstore") {
    Story story;
    CHECK(welcome_fault(story, shop, "*") == "");
    CHECK(welcome_fault(story, "null", "*") == "");
    for (const std::string target : {"/orders", "/nothing/at/all", "/events", "/makeZombie", "/"}) {
        CAPTURE(target);
        const Answer answer = preflight(story, target, shop);
        CHECK(answer.status == 204);
        CHECK(
            answer.header("Access-Control-Allow-Methods") ==
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        );
        CHECK(answer.header("Access-Control-Allow-Headers") == "content-type, if-match");
        CHECK(answer.header("Access-Control-Max-Age") == "3600");
        CHECK(answer.header("Vary").empty());
    }
    const Answer plain = story.send(Method::options, "/customers/1", {}, from(shop));
    CHECK(plain.status == 204);
    CHECK(plain.header("Allow") == "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    CHECK_FALSE(plain.header("Accept-Patch").empty());
    CHECK(story.get("/customers").header("Access-Control-Allow-Origin").empty());
}

TEST_CASE("every answer may be read by an allowed origin, errors and event streams too") {
    Story story({"--max-body-bytes", "100"});
    story.given_customer();
    REQUIRE(story.published("Registered", 1));
    const std::vector<Answer> answers{
        story.get("/customers/1", from(shop)),
        story.get("/customers/9", from(shop)),
        story.get("/nothing", from(shop)),
        story.get("/customers?page=x", from(shop)),
        story.send(Method::del, "/customers", {}, from(shop)),
        story.send(Method::post, "/customers", "{", from(shop)),
        story.send(Method::post, "/customers", std::string(101, ' '), from(shop)),
        story.get("/events?from=beginning&follow=false", from(shop))
    };
    for (const Answer& answer : answers) {
        CAPTURE(answer.status);
        CHECK(answer.header("Access-Control-Allow-Origin") == "*");
        CHECK(answer.header("Access-Control-Expose-Headers") == exposed);
    }
    CHECK(answers[1].status == 404);
    CHECK(answers[6].status == 413);
    CHECK(answers[7].body.starts_with("id: 1\n"));
}

TEST_CASE("--cors-origin narrows it to those that it names and the bookstore's own") {
    Story story({"--cors-origin", "https://shop.example,null"});
    CHECK(welcome_fault(story, shop, shop) == "");
    CHECK(welcome_fault(story, "null", "null") == "");
    CHECK(welcome_fault(story, story.process().url(), story.process().url()) == "");
    CHECK(refusal_fault(story, "https://evil.example") == "");
    CHECK(refusal_fault(story, "http://shop.example") == "");
    CHECK(story.get("/customers").header("Vary") == "Accept, Origin");
    CHECK(story.get("/nothing").header("Vary") == "Accept, Origin");
    CHECK(story.send(Method::post, "/customers", kim).status == 201);
    for (const Method method : {Method::put, Method::patch, Method::del}) {
        CHECK(story.send(method, "/customers/1", kim, from("https://evil.example")).status == 403);
    }
    CHECK(story.of("/customers/1", "customerName") == "kim");
}

TEST_CASE("a refused origin is told so before it sends its body") {
    Story story({"--cors-origin", "https://shop.example"});
    RawClient client(static_cast<std::uint16_t>(std::stoi(story.process().port())));
    client.send(
        "POST /customers HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\n"
        "Content-Length: 22\r\nExpect: 100-continue\r\n\r\n"
    );
    CHECK(client.reply().status == 403);
    CHECK(client.is_ended());
}

TEST_CASE("an empty --cors-origin is no other origin at all") {
    Story story({"--cors-origin", ""});
    CHECK(refusal_fault(story, shop) == "");
    CHECK(refusal_fault(story, "null") == "");
    CHECK(welcome_fault(story, story.process().url(), story.process().url()) == "");
}

TEST_CASE("a page of the public origin is the bookstore's own behind a trusted proxy") {
    Story story({"--trusted-proxy", "127.0.0.1", "--cors-origin", ""});
    const auto post = [&](const std::string& origin) {
        return story
            .send(
                Method::post,
                "/customers",
                kim,
                {{"X-Forwarded-For", "192.0.2.1"},
                 {"X-Forwarded-Host", "shop.example"},
                 {"X-Forwarded-Proto", "https"},
                 {"Origin", origin}}
            )
            .status;
    };
    CHECK(post(shop) == 201);
    CHECK(post("http://shop.example") == 403);
    CHECK(post(story.process().url()) == 403);
}
