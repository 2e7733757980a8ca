#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

TEST_CASE("a customer is registered, changed and deleted, with an event each") {
    Story story;
    const auto created = story.post("/customers", R"({"customerName":"홍길동"})");
    CHECK(created.status == 201);
    CHECK(created.field("customerName") == "홍길동");
    CHECK(story.of("/customers/1", "customerName") == "홍길동");

    CHECK(
        story.put("/customers/1", R"({"customerName":"이순신"})").field("customerName") == "이순신"
    );
    CHECK(story.patch("/customers/1", R"({"customerName":"kim"})").status == 200);
    CHECK(story.patch("/customers/1", R"({"customerName":"kim"})").status == 200);
    CHECK(story.patch("/customers/1", "{}").status == 200);
    CHECK(story.put("/customers/1", R"({"customerName":"kim"})").status == 200);
    CHECK(story.published("Changed", 2));
    CHECK(story.put("/customers/1", "{}").status == 400);
    CHECK(story.patch("/customers/1", R"({"customerName":null})").status == 400);

    const auto deleted = story.del("/customers/1");
    CHECK(deleted.status == 204);
    CHECK(deleted.body.empty());
    CHECK(story.published("Deleted", 1));
    CHECK(story.count({}, "customer-1") == 4);
    CHECK(story.ends_with() == "");
}

TEST_CASE("a deleted customer is 404 in a path and 400 in an order; the id does not come back") {
    Story story;
    story.given_customer();
    story.given_book(5);
    story.del("/customers/1");

    for (const auto& answer :
         {story.get("/customers/1"),
          story.del("/customers/1"),
          story.put("/customers/1", R"({"customerName":"a"})"),
          story.patch("/customers/1", R"({"customerName":"a"})")}) {
        CHECK(answer.status == 404);
        CHECK(answer.field("message").find("customer 1") != std::string::npos);
    }
    const auto order = story.post(
        "/orders", R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
    );
    CHECK(order.status == 400);
    CHECK(
        order.field("errors") ==
        R"([{"field":"customerId","message":"there is no customer 1","rejectedValue":"1"}])"
    );
    CHECK(story.given_customer() == 2);
    CHECK(story.published("Deleted", 1));
}

TEST_CASE("My Page shows the customer's name now, and a deleted one's last") {
    Story story;
    story.given_customer("kim");
    story.given_book(5);
    REQUIRE(story.order_becomes(story.place_order(1, 1, 1), "Shipped"));
    REQUIRE(story.becomes("/myPages/1", "orderStatus", "Shipped"));
    CHECK(story.of("/myPages/1", "customerName") == "kim");
    story.patch("/customers/1", R"({"customerName":"lee"})");
    CHECK(story.of("/myPages/1", "customerName") == "lee");
    story.del("/customers/1");
    CHECK(story.of("/myPages/1", "customerName") == "lee");
    const auto finder = story.get("/myPages/search/findByCustomerId?customerId=1");
    CHECK(finder.items("myPages").at(0).at("customerName") == "lee");
    CHECK(story.patch("/deliveries/1", R"({"deliveryStatus":"Delivered"})").status == 200);
    CHECK(story.becomes("/myPages/1", "orderStatus", "Delivered"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("an unverified order has no My Page row, but is found by its customer") {
    Story story;
    story.given_customer();
    story.given_book(1);
    story.restart({"--stopped", "inventory"});
    story.place_order(1, 1, 1);
    CHECK(story.get("/myPages").field("page.totalElements") == "0");
    const auto orders = story.get("/orders/search/findByCustomerId?customerId=1").items("orders");
    REQUIRE(orders.size() == 1);
    CHECK(orders[0].at("orderStatus") == "Book_Not_Verified");
}

TEST_CASE("a customer's orders are all on My Page, canceled ones too") {
    Story story;
    story.given_customer();
    story.given_customer("other");
    story.given_book(0);
    for (int i = 0; i < 5; ++i) {
        story.place_order(1, i == 2 ? 2 : 1, 1);
    }
    story.cancel(2);
    REQUIRE(eventually([&] {
        const auto found = story.get("/myPages/search/findByCustomerId?customerId=1");
        return found.field("page.totalElements") == "4";
    }));
    CHECK(story.becomes("/myPages/2", "orderStatus", "CANCELED"));
    const auto pages = story.get("/myPages/search/findByCustomerId?customerId=1").items("myPages");
    CHECK(pages[1].at("orderId") == 2);
    CHECK(pages[2].at("orderId") == 4);
    CHECK(story.ends_with() == "");
}

TEST_CASE("text of every script comes back as it was sent, and is counted by character") {
    Story story;
    std::string longest;
    for (int i = 0; i < 255; ++i) {
        longest += "가";
    }
    const std::vector<std::string> names{
        "한글 이름",
        "日本語",
        "Ünïcödé",
        "😀 emoji",
        "\"quotes\" and \\ backslash",
        "a/b?c&d",
        longest
    };
    std::int64_t id = 0;
    for (const auto& name : names) {
        CHECK(story.given_customer(name) == ++id);
        CHECK(story.of(fmt::format("/customers/{}", id), "customerName") == name);
    }
    CHECK(story.post("/customers", R"({"customerName":"\ud55c\uae00"})").status == 201);
    CHECK(story.of("/customers/8", "customerName") == "한글");
    story.restart();
    CHECK(story.of("/customers/1", "customerName") == "한글 이름");
    CHECK(story.of("/customers/7", "customerName") == longest);
}
