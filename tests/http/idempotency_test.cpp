#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <thread>

#include "../http_server/raw_client.hpp"
#include "story.hpp"

using namespace bookstore::test;

namespace {

const std::string order_body =
    R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan si","payAmount":10})";

Answer post_keyed(
    Story& story, const std::string& target, const std::string& body, const std::string& key
) {
    return story.send(
        Method::post, target, body, {{"Content-Type", "application/json"}, {"Idempotency-Key", key}}
    );
}

/// Status, headers and body, without what differs from answer to answer.
std::string lasting(const Answer& answer) {
    std::string text = std::to_string(answer.status) + "\n";
    for (const auto& header : answer.headers) {
        if (header.name != "Date" && header.name != "X-Request-Id" &&
            header.name != "traceresponse") {
            text += header.name + ": " + header.value + "\n";
        }
    }
    return text + answer.body;
}

std::string total(Story& story, const std::string& collection) {
    return story.of("/" + collection, "page.totalElements");
}

void given_shop(Story& story) {
    story.given_customer();
    story.given_book(100'000);
}

}  // namespace

TEST_CASE("the same key and body get the first answer again, and the work is done once") {
    Story story;
    given_shop(story);
    const std::vector<std::pair<std::string, std::string>> posts{
        {"/customers", R"({"customerName":"이"})"},
        {"/books", R"({"bookName":"책","stock":"2"})"},
        {"/orders", order_body},
        {"/stockInputs", R"({"bookId":2,"quantity":3,"inCharger":null})"}
    };
    std::vector<std::string> first;
    for (const auto& [target, body] : posts) {
        const auto answer = post_keyed(story, target, body, "one key for all");
        CHECK(answer.status == 201);
        first.push_back(lasting(answer));
    }
    for (int round = 0; round < 2; ++round) {
        for (std::size_t i = 0; i < posts.size(); ++i) {
            CAPTURE(posts[i].first);
            const auto again =
                post_keyed(story, posts[i].first, posts[i].second, "one key for all");
            CHECK(lasting(again) == first[i]);
        }
        story.restart();
    }
    CHECK(total(story, "customers") == "2");
    CHECK(total(story, "books") == "2");
    CHECK(total(story, "orders") == "1");
    CHECK(total(story, "stockInputs") == "1");
    CHECK(story.of("/books/2", "stock") == "5");
    CHECK(story.ends_with() == "");
}

TEST_CASE("the first answer is given again though the world moved on") {
    Story story;
    given_shop(story);
    const auto first = post_keyed(story, "/orders", order_body, "k");
    REQUIRE(story.order_becomes(1, "Shipped"));
    REQUIRE(story.del("/customers/1").status == 204);
    CHECK(lasting(post_keyed(story, "/orders", order_body, "k")) == lasting(first));
    CHECK(post_keyed(story, "/orders", order_body, "k2").status == 400);
}

TEST_CASE("another body with the same key is 422 and does nothing") {
    Story story;
    given_shop(story);
    REQUIRE(post_keyed(story, "/orders", order_body, "k").status == 201);
    const auto other = post_keyed(story, "/orders", order_body + " ", "k");
    CHECK(error_fault(other, 422, "/orders") == "");
    CHECK(other.field("message").find("another body") != std::string::npos);
    CHECK(total(story, "orders") == "1");
    // The key counts per path.
    CHECK(post_keyed(story, "/customers", R"({"customerName":"a"})", "k").status == 201);
}

TEST_CASE("what was refused is not kept: the same key may try again") {
    Story story;
    story.given_customer();
    const auto refused = post_keyed(story, "/orders", order_body, "k");
    CHECK(refused.status == 400);
    story.given_book(1);
    const auto placed = post_keyed(story, "/orders", order_body, "k");
    CHECK(placed.status == 201);
    CHECK(lasting(post_keyed(story, "/orders", order_body, "k")) == lasting(placed));
    CHECK(post_keyed(story, "/customers", "{", "j").status == 400);
    CHECK(post_keyed(story, "/customers", R"({"customerName":"a"})", "j").status == 201);
}

TEST_CASE("a key that is none is 400") {
    Story story;
    const std::string body = R"({"customerName":"a"})";
    for (const std::string& key :
         {std::string(), std::string(256, 'k'), std::string("\xed\x95\x9c")}) {
        CAPTURE(key);
        const auto answer = post_keyed(story, "/customers", body, key);
        CHECK(error_fault(answer, 400, "/customers") == "");
        CHECK(answer.field("message").find("Idempotency-Key") != std::string::npos);
    }
    const auto twice = story.send(
        Method::post, "/customers", body, {{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}}
    );
    CHECK(twice.status == 400);
    CHECK(total(story, "customers") == "0");
    CHECK(post_keyed(story, "/customers", body, std::string(255, 'k')).status == 201);
}

TEST_CASE("a thousand copies at the same time make one order") {
    Story story;
    given_shop(story);
    const auto port = story.port();
    const std::string request = fmt::format(
        "POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
        "Idempotency-Key: copy\r\nContent-Length: {}\r\n\r\n{}",
        order_body.size(),
        order_body
    );
    std::vector<RawClient> clients;
    for (int i = 0; i < 1000; ++i) {
        clients.emplace_back(port);
    }
    for (RawClient& client : clients) {
        client.send(request);
    }
    int made = 0;
    std::set<std::string> answers;
    for (RawClient& client : clients) {
        Reply reply = client.reply();
        // Those who came while the first was running come again.
        while (reply.status == 409) {
            CHECK(reply.header("retry-after") == "1");
            client.send(request);
            reply = client.reply();
        }
        made += reply.status == 201 ? 1 : 0;
        answers.insert(reply.header("location") + reply.header("etag") + reply.body);
    }
    CHECK(made == 1000);
    CHECK(answers.size() == 1);
    CHECK(total(story, "orders") == "1");
    REQUIRE(story.order_becomes(1, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("an answer is kept across SIGKILL") {
    Story story;
    given_shop(story);
    for (int life = 0; life < 5; ++life) {
        const std::string key = fmt::format("life {}", life);
        const auto first = post_keyed(story, "/orders", order_body, key);
        REQUIRE(first.status == 201);
        story.kill();
        story.start();
        // Links name the port, and a new process has another one.
        const auto again = post_keyed(story, "/orders", order_body, key);
        CHECK(lasting(again) == lasting(first));
    }
    CHECK(total(story, "orders") == "5");
}

TEST_CASE("an answer is forgotten when its time is over") {
    Story story({"--idempotency-ttl", "300"});
    const std::string body = R"({"customerName":"a"})";
    for (int i = 0; i < 20; ++i) {
        REQUIRE(post_keyed(story, "/customers", body, fmt::format("old {}", i)).status == 201);
    }
    // From when they are forgotten, the same key is a new one.
    CHECK(eventually([&] {
        return post_keyed(story, "/customers", body, "old 0").header("Location").ends_with("/21");
    }));
    CHECK(story.of("/customers", "page.totalElements") == "21");
}

TEST_CASE("a verification and a rebuild take a key too; VAN's calls have their own ledger") {
    Story story({"--stopped", "customer"});
    story.restart();
    given_shop(story);
    story.restart({"--stopped", "customer"});
    REQUIRE(story.place_order(1, 1) == 1);
    CHECK(story.of("/orders/1", "orderStatus") == "Customer_Not_Verified");
    const auto unavailable = post_keyed(story, "/orders/1/verification", "", "v");
    CHECK(unavailable.status == 503);
    story.restart();
    // It may have been verified by itself meanwhile: then that is what the key is told, each time.
    const auto first = post_keyed(story, "/orders/1/verification", "", "v");
    CHECK((first.status == 200 || first.status == 409));
    CHECK(post_keyed(story, "/orders/1/verification", "", "v").status == first.status);

    const auto begun = post_keyed(story, "/rebuilds/my-page", "", "r");
    CHECK(begun.status == 202);
    REQUIRE(story.becomes("/rebuilds/my-page", "state", "done"));
    const std::string ended = story.of("/rebuilds/my-page", "endedAt");
    CHECK(lasting(post_keyed(story, "/rebuilds/my-page", "", "r")) == lasting(begun));
    CHECK(story.of("/rebuilds/my-page", "state") == "done");
    CHECK(story.of("/rebuilds/my-page", "endedAt") == ended);

    const auto charge = [&](const std::string& amount) {
        return story.send(
            Method::post, "/requestPayment?payment=" + amount, {}, {{"Idempotency-Key", "v"}}
        );
    };
    CHECK(charge("5").body == "PAYMENT_COMPLETED");
    CHECK(charge("6").status == 422);
}
