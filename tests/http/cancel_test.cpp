#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

TEST_CASE("an order that waits for stock is canceled, refunded and never ships") {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto order = story.place_order(1, 1, 1);
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/deliverables/1", "status", "Stock_Lacked"));

    story.cancel(order);

    CHECK(story.of("/orders/1", "orderStatus") == "CANCELED");
    CHECK(story.of("/orders/1", "_links.cancel") == "missing");
    CHECK(story.becomes("/deliverables/1", "status", "DeliveryCanceled"));
    CHECK(story.becomes("/deliveries/1", "deliveryStatus", "CancelDelivery"));
    CHECK(story.payment_becomes(order, "PAYMENT_CANCELED"));
    CHECK(story.becomes("/myPages/1", "orderStatus", "CANCELED"));
    CHECK(story.becomes("/myPages/1", "deliveryStatus", "CancelDelivery"));
    CHECK(story.becomes("/myPages/1", "payStatus", "PAYMENT_CANCELED"));
    story.put_in_stock(1, 5);
    CHECK(story.of("/books/1", "stock") == "5");
    CHECK(story.count("DeliveryPrepared") == 0);
    CHECK(story.published("OrderCanceled", 1));
    CHECK(
        story.event("OrderCanceled").find(R"("orderId":1,"status":"CANCELED","me":true})") !=
        std::string::npos
    );
    CHECK(story.ends_with() == "");
}

TEST_CASE("a refund leaves two rows in the payment history: completed, canceled") {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto order = story.place_order(1, 1, 1, "12.34");
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    story.cancel(order);
    REQUIRE(story.payment_becomes(order, "PAYMENT_CANCELED"));
    REQUIRE(eventually([&] { return story.of("/paymentHistories", "page.totalElements") == "2"; }));

    const auto rows =
        story.get("/paymentHistories/search/findByOrderId?orderId=1").items("paymentHistories");
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].at("payStatus") == "PAYMENT_COMPLETED");
    CHECK(rows[1].at("payStatus") == "PAYMENT_CANCELED");
    CHECK(rows[1].at("paymentId") == 1);
    CHECK(story.of("/payments/1", "status") == "PAYMENT_CANCELED");
    CHECK(story.ends_with() == "");
}

TEST_CASE("what is on its way is not canceled: 409 names the state") {
    Story story;
    story.given_customer();
    story.given_book(5);
    const auto order = story.place_order(1, 1, 1);
    REQUIRE(story.order_becomes(order, "Shipped"));

    const auto refused = story.del("/orders/1");

    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("Shipped") != std::string::npos);
    CHECK(story.of("/orders/1", "orderStatus") == "Shipped");
    CHECK(story.count("OrderCanceled") == 0);
    CHECK(story.ends_with() == "");
}

TEST_CASE("an order that is prepared, but whose delivery context rests, cannot be canceled") {
    Story story({"--stopped", "delivery"});
    story.given_customer();
    story.given_book(5);
    const auto order = story.place_order(1, 1, 1);
    REQUIRE(story.order_becomes(order, "Delivery_Prepared"));
    CHECK(story.of("/orders/1", "_links.cancel") == "missing");

    const auto refused = story.del("/orders/1");

    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("Delivery_Prepared") != std::string::npos);
    story.restart();
    CHECK(story.order_becomes(order, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a canceled order is not canceled again") {
    Story story;
    story.given_customer();
    story.given_book(0);
    const auto order = story.place_order(1, 1, 1);
    story.cancel(order);

    const auto refused = story.del("/orders/1");

    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("CANCELED") != std::string::npos);
    CHECK(story.published("OrderCanceled", 1));
    CHECK(story.ends_with() == "");
}

TEST_CASE("cancels that race the preparation: stock comes back and serves who waits") {
    Story story;
    story.given_customer();
    story.given_book(3);
    std::vector<std::int64_t> canceled;
    std::int64_t kept = 0;
    // Each wants all the stock; it is canceled at once, before or after inventory has taken it.
    for (int i = 0; i < 200; ++i) {
        const auto order = story.place_order(1, 1, 3);
        const auto answer = story.del(fmt::format("/orders/{}", order));
        REQUIRE((answer.status == 204 || answer.status == 409));
        if (answer.status == 204) {
            canceled.push_back(order);
        } else {
            ++kept;
            story.put_in_stock(1, 3);
        }
    }
    const auto last = story.place_order(1, 1, 3);
    CHECK(story.order_becomes(last, "Shipped"));
    CHECK(story.becomes("/books/1", "stock", "0"));
    for (const auto order : canceled) {
        CHECK(story.of(fmt::format("/orders/{}", order), "orderStatus") == "CANCELED");
    }
    MESSAGE("canceled ", canceled.size(), ", shipped first ", kept);
    MESSAGE("prepared ", story.count("DeliveryPrepared"), " times");
    CHECK(story.ends_with() == "");
}

TEST_CASE("a cancel while the other contexts rest reaches them all when they come back") {
    Story story;
    story.given_customer();
    story.given_book(0);
    story.restart({"--stopped", "delivery,payment,payment_history,van"});
    const auto order = story.place_order(1, 1, 1);
    story.cancel(order);
    story.restart();
    CHECK(story.becomes("/deliveries/1", "deliveryStatus", "CancelDelivery"));
    CHECK(story.payment_becomes(order, "PAYMENT_CANCELED"));
    CHECK(story.becomes("/myPages/1", "payStatus", "PAYMENT_CANCELED"));
    CHECK(story.becomes("/myPages/1", "orderStatus", "CANCELED"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a cancel while VAN hangs: the charge runs to its answer, nothing is refunded") {
    Story story(quick_van());
    story.given_customer();
    story.given_book(0);
    const auto order = story.place_order(1, 1, 1, "0");
    REQUIRE(story.payment_becomes(order, "PAYMENT_REQUESTED"));
    story.cancel(order);
    CHECK(story.payment_becomes(order, "PAYMENT_FAILED"));
    CHECK(story.ends_with() == "");
    story.start();
    CHECK(story.count("PaymentCanceled") == 0);
    CHECK(story.published("PaymentFailed", 1));
}

TEST_CASE("an order without an amount is complete without VAN, and canceled without VAN") {
    Story story;
    story.given_customer();
    story.given_book(0);
    story.restart({"--stopped", "van"});
    const auto order = story.place_order(1, 1, 1, "");
    CHECK(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    CHECK(story.of("/payments/1", "amount") == "null");
    CHECK(story.of("/payments/1", "type") == "null");
    CHECK(story.of("/orders/1", "payAmount") == "null");
    CHECK(story.published("Payed", 1));
    story.cancel(order);
    CHECK(story.payment_becomes(order, "PAYMENT_CANCELED"));
    CHECK(story.published("PaymentCanceled", 1));
    CHECK(story.ends_with() == "");
}

TEST_CASE("while VAN rests a payment stays PAYMENT_REQUESTED and the order ships") {
    Story story;
    story.given_customer();
    story.given_book(1);
    story.restart({"--stopped", "van"});
    const auto order = story.place_order(1, 1, 1);
    CHECK(story.order_becomes(order, "Shipped"));
    CHECK(story.of("/payments/1", "status") == "PAYMENT_REQUESTED");
    CHECK(story.get("/requestPayment?payment=1").status == 503);
    story.restart();
    CHECK(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    CHECK(story.ends_with() == "");
}
