#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

namespace {

std::string deliverable_of(Story& story, std::int64_t order) {
    return story.of(fmt::format("/deliverables/search/findByOrderId?orderId={}", order), "status");
}

bool waits(Story& story, std::int64_t order) {
    return story.becomes(
        fmt::format("/deliverables/search/findByOrderId?orderId={}", order),
        "status",
        "Stock_Lacked"
    );
}

/// Orders of these quantities, all waiting for book 1.
std::vector<std::int64_t> given_waiting(Story& story, const std::vector<int>& quantities) {
    std::vector<std::int64_t> orders;
    for (const int quantity : quantities) {
        orders.push_back(story.place_order(1, 1, quantity));
        REQUIRE(waits(story, orders.back()));
    }
    return orders;
}

}  // namespace

TEST_CASE("stock serves the lowest order first, and one that does not fit holds up none behind it"
) {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto orders = given_waiting(story, {2, 10, 3, 1});

    story.put_in_stock(1, 5);

    CHECK(story.order_becomes(orders[0], "Shipped"));
    CHECK(story.order_becomes(orders[2], "Shipped"));
    CHECK(deliverable_of(story, orders[1]) == "Stock_Lacked");
    CHECK(deliverable_of(story, orders[3]) == "Stock_Lacked");
    CHECK(story.of("/books/1", "stock") == "0");
    story.put_in_stock(1, 12);
    CHECK(story.order_becomes(orders[1], "Shipped"));
    CHECK(story.order_becomes(orders[3], "Shipped"));
    CHECK(story.of("/books/1", "stock") == "1");
    CHECK(story.ends_with() == "");
}

TEST_CASE("the answer to a stock input shows the book after the waiting orders were served") {
    Story story;
    story.given_customer();
    story.given_book(0);
    given_waiting(story, {2, 3});
    const auto answer =
        story.post("/stockInputs", R"({"bookId":1,"quantity":6,"inCharger":"이순신"})");
    CHECK(answer.status == 201);
    CHECK(answer.field("inCharger") == "이순신");
    CHECK(answer.header("Location").ends_with("/stockInputs/1"));
    CHECK(story.of("/books/1", "stock") == "1");
    CHECK(story.of("/stockInputs/1", "quantity") == "6");
}

TEST_CASE("raised stock is InventoryIncreased and serves who waits; lowered or renamed is neither"
) {
    Story story;
    story.given_customer();
    story.given_book(1);
    const auto waiting = given_waiting(story, {4});

    const auto raised = story.put("/books/1", R"({"bookName":"DDD","stock":"6"})");
    CHECK(raised.status == 200);
    CHECK(raised.field("stock") == "2");
    CHECK(story.order_becomes(waiting[0], "Shipped"));
    REQUIRE(story.published("InventoryIncreased", 1));
    CHECK(story.event("InventoryIncreased").find(R"("bookId":1,"stock":6,)") != std::string::npos);

    CHECK(story.patch("/books/1", R"({"stock":1})").field("stock") == "1");
    CHECK(
        story.patch("/books/1", R"({"bookName":"Clean Code"})").field("bookName") == "Clean Code"
    );
    CHECK(story.put("/books/1", R"({"bookName":"DDD","stock":1})").status == 200);
    CHECK(story.patch("/books/1", "{}").status == 200);
    CHECK(story.count("InventoryIncreased") == 1);
    CHECK(story.patch("/books/1", R"({"stock":"3"})").field("stock") == "3");
    CHECK(story.published("InventoryIncreased", 2));
    CHECK(story.count({}, "book-1") == 3);
    CHECK(story.ends_with() == "");
}

TEST_CASE("PUT of a book wants every field, PATCH the ones that change") {
    Story story;
    story.given_book(7, "DDD");
    const auto missing = story.put("/books/1", R"({"stock":3})");
    CHECK(missing.status == 400);
    CHECK(missing.field("errors").find("bookName") != std::string::npos);
    CHECK(story.patch("/books/1", R"({"stock":null})").status == 400);
    CHECK(story.patch("/books/1", R"({"stock":-1})").status == 400);
    CHECK(story.put("/books/9", R"({"bookName":"a","stock":3})").status == 404);
    CHECK(story.patch("/books/9", R"({"stock":3})").status == 404);
    CHECK(story.of("/books/1", "stock") == "7");
    CHECK(story.of("/books/1", "bookName") == "DDD");
}

TEST_CASE("a book that orders wait for is not deleted, and the answer says how many") {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto waiting = given_waiting(story, {1, 2});

    const auto refused = story.del("/books/1");
    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("2 orders wait") != std::string::npos);
    story.cancel(waiting[0]);
    CHECK(story.becomes("/deliverables/1", "status", "DeliveryCanceled"));
    CHECK(story.del("/books/1").field("message").find("1 order waits") != std::string::npos);
    story.cancel(waiting[1]);
    CHECK(story.becomes("/deliverables/2", "status", "DeliveryCanceled"));
    CHECK(story.del("/books/1").status == 204);
    CHECK(story.get("/books/1").status == 404);
    CHECK(story.published("BookDeleted", 1));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a deleted book is 404 in a path and 400 in a body; its id does not come back") {
    Story story;
    story.given_customer();
    story.given_book(5);
    REQUIRE(story.del("/books/1").status == 204);

    for (const auto& answer :
         {story.get("/books/1"),
          story.del("/books/1"),
          story.put("/books/1", R"({"bookName":"a","stock":1})"),
          story.patch("/books/1", R"({"stock":1})")}) {
        CHECK(answer.status == 404);
        CHECK(answer.field("message").find("book 1") != std::string::npos);
    }
    const auto order = story.post(
        "/orders", R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
    );
    CHECK(order.status == 400);
    CHECK(
        order.field("errors") ==
        R"([{"field":"bookId","message":"there is no book 1","rejectedValue":"1"}])"
    );
    const auto input = story.post("/stockInputs", R"({"bookId":1,"quantity":1})");
    CHECK(input.status == 400);
    CHECK(
        input.field("errors") ==
        R"([{"field":"bookId","message":"there is no book 1","rejectedValue":"1"}])"
    );
    CHECK(story.given_book(1) == 2);
    CHECK(story.ends_with() == "");
}

TEST_CASE("an order of a book that was deleted goes on, and its stock goes back to it") {
    Story story;
    story.given_customer();
    story.given_book(5);
    story.restart({"--stopped", "payment"});
    const auto order = story.place_order(1, 1, 2);
    REQUIRE(story.order_becomes(order, "Shipped"));
    CHECK(story.del("/books/1").status == 204);
    CHECK(story.patch("/deliveries/1", R"({"deliveryStatus":"Delivered"})").status == 200);
    CHECK(story.order_becomes(order, "Delivered"));
    story.restart();
    CHECK(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("more than 1000 orders that wait for a book are all served by one stock input") {
    Story story;
    story.given_customer();
    story.given_book(0);
    constexpr int orders = 1100;
    for (int i = 0; i < orders; ++i) {
        story.place_order(1, 1, 1, "");
    }
    REQUIRE(eventually([&] {
        return story.of("/deliverables", "page.totalElements") == std::to_string(orders);
    }));
    story.put_in_stock(1, orders + 1);
    CHECK(eventually([&] { return story.of("/books/1", "stock") == "1"; }));
    CHECK(story.order_becomes(orders, "Shipped"));
    CHECK(story.ends_with() == "");
}
