#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

namespace {

std::string move(const std::string& status) {
    return fmt::format(R"({{"deliveryStatus":"{}"}})", status);
}

}  // namespace

TEST_CASE("a courier moves a delivery on; order and My Page follow") {
    Story story;
    story.given_customer();
    story.given_book(1);
    const auto order = story.place_order(1, 1, 1);
    REQUIRE(story.order_becomes(order, "Shipped"));

    for (const std::string status : {"InTransit", "Delivered", "Returned", "Shipped"}) {
        const auto answer = status == "Delivered" ? story.put("/deliveries/1", move(status))
                                                  : story.patch("/deliveries/1", move(status));
        CHECK(answer.status == 200);
        CHECK(answer.field("deliveryStatus") == status);
        CHECK(story.order_becomes(order, status));
        CHECK(story.becomes("/myPages/1", "deliveryStatus", status));
        CHECK(story.becomes("/myPages/1", "orderStatus", status));
    }
    CHECK(story.of("/books/1", "stock") == "0");
    CHECK(story.deliveries_of(order).ends_with("InTransit Delivered Returned Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("the same status again is 200 and no event") {
    Story story;
    story.given_customer();
    story.given_book(1);
    REQUIRE(story.order_becomes(story.place_order(1, 1, 1), "Shipped"));

    CHECK(story.put("/deliveries/1", move("Shipped")).status == 200);
    CHECK(story.patch("/deliveries/1", move("InTransit")).status == 200);
    CHECK(story.patch("/deliveries/1", move("InTransit")).status == 200);
    CHECK(story.patch("/deliveries/1", "{}").status == 200);
    CHECK(story.patch("/deliveries/1", R"({"orderId":7,"deliveryAddress":"x"})").status == 200);

    CHECK(story.published("DeliveryStatusChanged", 2));
    CHECK(story.of("/deliveries/1", "orderId") == "1");
    CHECK(story.ends_with() == "");
}

TEST_CASE("before its order is prepared a delivery does not move: 409") {
    Story story;
    story.given_customer();
    story.given_book(0);
    story.place_order(1, 1, 1);
    REQUIRE(story.becomes("/deliveries/1", "deliveryStatus", "CreateDelivery"));

    const auto refused = story.patch("/deliveries/1", move("Shipped"));

    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("CreateDelivery") != std::string::npos);
    CHECK(story.of("/deliveries/1", "deliveryStatus") == "CreateDelivery");
    CHECK(story.ends_with() == "");
}

TEST_CASE("a canceled delivery does not move: 409") {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto order = story.place_order(1, 1, 1);
    story.cancel(order);
    REQUIRE(story.becomes("/deliveries/1", "deliveryStatus", "CancelDelivery"));

    const auto refused = story.put("/deliveries/1", move("Delivered"));

    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("CancelDelivery") != std::string::npos);
    CHECK(story.published("DeliveryStatusChanged", 1));
    CHECK(story.ends_with() == "");
}

TEST_CASE("any other word is a 400 that lists the words") {
    Story story;
    story.given_customer();
    story.given_book(1);
    REQUIRE(story.order_becomes(story.place_order(1, 1, 1), "Shipped"));

    for (const std::string word : {"CreateDelivery", "CancelDelivery", "shipped", "", "Lost"}) {
        const auto refused = story.patch("/deliveries/1", move(word));
        CHECK(refused.status == 400);
        const auto errors = refused.field("errors");
        CHECK(errors.find(R"("field":"deliveryStatus")") != std::string::npos);
        CHECK(errors.find("Shipped, InTransit, Delivered, Returned") != std::string::npos);
        CHECK(errors.find(fmt::format(R"("rejectedValue":"{}")", word)) != std::string::npos);
    }
    CHECK(story.put("/deliveries/1", "{}").status == 400);
    CHECK(story.patch("/deliveries/1", R"({"deliveryStatus":null})").status == 400);
    CHECK(story.patch("/deliveries/1", R"({"deliveryStatus":7})").status == 400);
    CHECK(story.patch("/deliveries/2", move("Shipped")).status == 404);
    CHECK(story.of("/deliveries/1", "deliveryStatus") == "Shipped");
}
