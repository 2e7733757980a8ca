#include <doctest/doctest.h>
#include <fmt/format.h>

#include <thread>

#include "story.hpp"

using namespace bookstore::test;

namespace {

const std::string as_json = R"({"customerName":"lee"})";

Answer put_if(
    Story& story, const std::string& target, const std::string& json, const std::string& tag
) {
    return story.send(
        Method::put, target, json, {{"Content-Type", "application/json"}, {"If-Match", tag}}
    );
}

}  // namespace

TEST_CASE("an item has an ETag, which changes when, and only when, it does") {
    Story story;
    const auto made = story.post("/customers", R"({"customerName":"kim"})");
    const std::string tag = made.header("ETag");
    CHECK(tag.size() == 18);
    CHECK(tag.starts_with('"'));
    CHECK(tag.ends_with('"'));
    CHECK(story.get("/customers/1").header("ETag") == tag);
    // Plain JSON is another representation, whose tag is another.
    const auto json = story.get("/customers/1", {{"Accept", "application/json"}});
    CHECK(!json.header("ETag").empty());
    CHECK(json.header("ETag") != tag);
    CHECK(json.header("Vary") == "Accept");
    CHECK(story.get("/customers/1").header("Vary") == "Accept");
    const auto head = story.send(Method::head, "/customers/1");
    CHECK(head.header("ETag") == tag);
    CHECK(story.put("/customers/1", R"({"customerName":"kim"})").header("ETag") == tag);
    const auto changed = story.put("/customers/1", as_json);
    CHECK(changed.header("ETag") != tag);
    CHECK(story.get("/customers/1").header("ETag") == changed.header("ETag"));
    CHECK(story.put("/customers/1", R"({"customerName":"kim"})").header("ETag") == tag);
    story.restart();
    CHECK(story.get("/customers/1").header("ETag") == tag);
    CHECK(story.get("/customers").header("ETag").empty());
}

TEST_CASE("an order's ETag follows its status and its links") {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto order = story.place_order(1, 1);
    const auto target = fmt::format("/orders/{}", order);
    const std::string ordered = story.get(target).header("ETag");
    story.put_in_stock(1, 1);
    REQUIRE(story.order_becomes(order, "Shipped"));
    const std::string shipped = story.get(target).header("ETag");
    CHECK(shipped != ordered);
    const auto found = story.get("/deliveries/search/findFirstByOrderId?orderId=1");
    CHECK(found.header("ETag") == story.get("/deliveries/1").header("ETag"));
}

TEST_CASE("If-None-Match: 304 without a body when the client has it already") {
    Story story;
    story.given_book(3);
    const std::string tag = story.get("/books/1").header("ETag");
    for (const std::string& field :
         {tag, "W/" + tag, "\"x\", " + tag, std::string("*"), "\"a,b\",W/" + tag + " , \"c\""}) {
        CAPTURE(field);
        const auto answer = story.get("/books/1", {{"If-None-Match", field}});
        CHECK(answer.status == 304);
        CHECK(answer.body.empty());
        CHECK(answer.header("ETag") == tag);
        CHECK(answer.header("Content-Type").empty());
        const auto head = story.send(Method::head, "/books/1", {}, {{"If-None-Match", field}});
        CHECK(head.status == 304);
    }
    for (const std::string& field : {std::string("\"x\""), tag.substr(1, 16), std::string()}) {
        CAPTURE(field);
        CHECK(story.get("/books/1", {{"If-None-Match", field}}).status == 200);
    }
    const auto two = story.get("/books/1", {{"If-None-Match", "\"x\""}, {"If-None-Match", tag}});
    CHECK(two.status == (in_a_split() ? 400 : 304));  // nginx takes it once
    CHECK(story.get("/books/9", {{"If-None-Match", "*"}}).status == 404);
    story.put_in_stock(1, 1);
    CHECK(story.get("/books/1", {{"If-None-Match", tag}}).status == 200);
}

TEST_CASE("If-Match: 412 that changes nothing when the item was changed since") {
    Story story;
    story.given_customer("kim");
    const std::string tag = story.get("/customers/1").header("ETag");
    CHECK(put_if(story, "/customers/1", as_json, tag).status == 200);
    const auto stale = put_if(story, "/customers/1", R"({"customerName":"park"})", tag);
    CHECK(error_fault(stale, 412, "/customers/1") == "");
    const std::string now = story.get("/customers/1").header("ETag");
    CHECK(stale.header("ETag") == now);
    CHECK(stale.field("message").find("was changed since") != std::string::npos);
    CHECK(story.of("/customers/1", "customerName") == "lee");
    CHECK(story.published("Changed", 1));

    // Weak tags and texts without quotes are never the same (RFC 9110 13.1.1).
    CHECK(put_if(story, "/customers/1", as_json, "W/" + now).status == 412);
    CHECK(put_if(story, "/customers/1", as_json, now.substr(1, 16)).status == 412);
    CHECK(put_if(story, "/customers/1", as_json, "\"x\", " + now).status == 200);
    CHECK(put_if(story, "/customers/1", as_json, "*").status == 200);
    CHECK(put_if(story, "/customers/7", as_json, "*").status == 404);

    const auto patch = story.send(
        Method::patch,
        "/customers/1",
        R"({"customerName":"x"})",
        {{"Content-Type", "application/merge-patch+json"}, {"If-Match", tag}}
    );
    CHECK(patch.status == 412);
    const auto del = story.send(Method::del, "/customers/1", {}, {{"If-Match", tag}});
    CHECK(error_fault(del, 412, "/customers/1") == "");
    const auto never = story.send(Method::del, "/customers/1", {}, {{"If-None-Match", now}});
    CHECK(never.status == 412);
    CHECK(story.send(Method::del, "/customers/1", {}, {{"If-Match", now}}).status == 204);
    CHECK(story.get("/customers/1").status == 404);
}

TEST_CASE("an ETag is its media type's own when read, and the item's when it is changed") {
    Story story;
    story.given_customer();
    const std::vector<bookstore::http::Header> as_plain{{"Accept", "application/json"}};
    const std::string hal = story.get("/customers/1").header("ETag");
    const std::string json = story.get("/customers/1", as_plain).header("ETag");
    const auto known = [&](const std::string& accept, const std::string& tag) {
        return story.get("/customers/1", {{"Accept", accept}, {"If-None-Match", tag}}).status;
    };
    CHECK(known("application/json", json) == 304);
    CHECK(known("application/json", hal) == 200);
    CHECK(known("application/hal+json", json) == 200);
    CHECK(story.get("/customers/1", {{"If-None-Match", hal}}).header("Vary") == "Accept");
    CHECK(put_if(story, "/customers/1", as_json, json).status == 200);
    CHECK(put_if(story, "/customers/1", as_json, hal).status == 412);
}

TEST_CASE("a false If-Match is 412 on GET and POST too, and nothing is done") {
    Story story;
    story.given_customer();
    const std::string tag = story.get("/customers/1").header("ETag");
    CHECK(story.get("/customers/1", {{"If-Match", tag}}).status == 200);
    const auto stale = story.get("/customers/1", {{"If-Match", "\"0\""}});
    CHECK(error_fault(stale, 412, "/customers/1") == "");
    CHECK(stale.header("ETag") == tag);
    CHECK(story.get("/customers", {{"If-Match", "\"0\""}}).status == 412);
    CHECK(story.get("/customers", {{"If-Match", "*"}}).status == 200);
    CHECK(story.get("/customers/9", {{"If-Match", "\"0\""}}).status == 404);
    const auto post = story.send(
        Method::post,
        "/customers",
        as_json,
        {{"Content-Type", "application/json"}, {"If-Match", tag}}
    );
    CHECK(error_fault(post, 412, "/customers") == "");
    CHECK(story.of("/customers", "page.totalElements") == "1");
}

TEST_CASE("a 412 says what helps behind a proxy that compresses") {
    Story story;
    story.given_customer();
    const std::string tag = story.get("/customers/1").header("ETag");
    const std::string gzip = tag.substr(0, tag.size() - 1) + "-gzip\"";
    for (const std::string& marked : {"W/" + tag, gzip}) {
        const auto answer = put_if(story, "/customers/1", as_json, marked);
        CHECK(error_fault(answer, 412, "/customers/1") == "");
        CHECK(answer.field("message").find("Accept-Encoding: identity") != std::string::npos);
    }
}

TEST_CASE("If-Match guards a cancel and a courier's move") {
    Story story;
    story.given_customer();
    story.given_book(1);
    const auto waiting = story.place_order(1, 1, 5);
    const std::string tag = story.get(fmt::format("/orders/{}", waiting)).header("ETag");
    CHECK(story.send(Method::del, "/orders/1", {}, {{"If-Match", "\"0\""}}).status == 412);
    CHECK(story.of("/orders/1", "orderStatus") == "ORDERED");
    CHECK(story.send(Method::del, "/orders/1", {}, {{"If-Match", tag}}).status == 204);
    const auto order = story.place_order(1, 1, 1);
    REQUIRE(story.order_becomes(order, "Shipped"));
    const auto delivery = fmt::format("/deliveries/{}", order);
    const std::string shipped = story.get(delivery).header("ETag");
    const std::string moved = R"({"deliveryStatus":"InTransit"})";
    CHECK(put_if(story, delivery, moved, shipped).status == 200);
    CHECK(put_if(story, delivery, R"({"deliveryStatus":"Returned"})", shipped).status == 412);
    CHECK(story.of(delivery, "deliveryStatus") == "InTransit");
}

TEST_CASE("of many who change the same version at once, one does") {
    Story story;
    story.given_book(1);
    const std::string tag = story.get("/books/1").header("ETag");
    std::atomic<int> done = 0;
    std::atomic<int> refused = 0;
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < 8; ++i) {
            clients.emplace_back([&, i] {
                const auto answer = put_if(
                    story, "/books/1", fmt::format(R"({{"bookName":"v{}","stock":1}})", i), tag
                );
                ++(answer.status == 200 ? done : refused);
                CHECK((answer.status == 200 || answer.status == 412));
            });
        }
    }
    CHECK(done == 1);
    CHECK(refused == 7);
}
