#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"
#include "support/context_names.hpp"

using namespace bookstore::test;

namespace {

/// Customer 1 and book 1 (stock 9) are there, and these contexts rest.
void given_resting(Story& story, const std::string& contexts) {
    story.given_customer();
    story.given_book(9);
    story.restart({"--stopped", contexts});
}

Answer order_of(Story& story, std::int64_t book, std::int64_t customer) {
    return story.post(
        "/orders",
        fmt::format(
            R"({{"bookId":{},"customerId":{},"quantity":2,"deliveryAddress":"busan"}})",
            book,
            customer
        )
    );
}

bool is_unavailable(const Answer& answer) {
    return answer.status == 503 && !answer.header("Retry-After").empty() &&
           answer.field("error") == "Service Unavailable";
}

}  // namespace

TEST_CASE("while customer rests an order is Customer_Not_Verified, and nothing leaves") {
    Story story;
    given_resting(story, "customer");

    const auto answer = order_of(story, 1, 1);

    CHECK(answer.status == 201);
    CHECK(answer.field("orderStatus") == "Customer_Not_Verified");
    CHECK(answer.field("_links.cancel.href").ends_with("/orders/1"));
    CHECK(answer.field("_links.verify.href").ends_with("/orders/1/verification"));
    CHECK(answer.field("_links.payment") == "missing");
    CHECK(story.count({}, "order-1") == 0);
    CHECK(story.get("/payments").field("page.totalElements") == "0");
    CHECK(story.get("/deliveries").field("page.totalElements") == "0");
    CHECK(is_unavailable(story.post("/orders/1/verification")));

    story.restart();
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.count("Ordered") == 1);
    CHECK(story.of("/orders/1", "_links.verify") == "missing");
    CHECK(story.becomes("/myPages/1", "orderStatus", "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("while inventory rests an order is Book_Not_Verified, then ships when it is back") {
    Story story;
    given_resting(story, "inventory");
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Book_Not_Verified");
    CHECK(story.count("Ordered") == 0);
    story.restart();
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("while both rest an order is Customer_Not_Verified") {
    Story story;
    given_resting(story, "customer,inventory");
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    // One of them comes back: the order is still not verified.
    story.restart({"--stopped", "inventory"});
    CHECK(is_unavailable(story.post("/orders/1/verification")));
    CHECK(story.of("/orders/1", "orderStatus") == "Customer_Not_Verified");
    story.restart();
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("one that says there is none wins over one that does not answer") {
    Story story;
    given_resting(story, "customer");
    const auto refused = order_of(story, 77, 1);
    CHECK(refused.status == 400);
    CHECK(
        refused.field("errors") ==
        R"([{"field":"bookId","message":"there is no book 77","rejectedValue":"77"}])"
    );
    CHECK(story.get("/orders").field("page.totalElements") == "0");
}

TEST_CASE("no such customer and no such book are named together, and nothing is stored") {
    Story story;
    const auto refused = order_of(story, 5, 6);
    CHECK(refused.status == 400);
    const auto errors = refused.json().at("errors").as_array();
    REQUIRE(errors.size() == 2);
    CHECK(errors[0].at("field") == "bookId");
    CHECK(errors[1].at("field") == "customerId");
    CHECK(story.get("/orders").field("page.totalElements") == "0");
    CHECK(story.count("Ordered") == 0);
}

TEST_CASE("an unverified order whose customer does not exist stays as it is, and can be canceled") {
    Story story;
    given_resting(story, "customer");
    const auto order = order_of(story, 1, 99);
    CHECK(order.field("orderStatus") == "Customer_Not_Verified");

    story.restart();
    const auto refused = story.post("/orders/1/verification");
    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("there is no customer 99") != std::string::npos);
    CHECK(eventually([&] {
        return story.log().find("order 1 stays unverified") != std::string::npos;
    }));
    CHECK(story.of("/orders/1", "orderStatus") == "Customer_Not_Verified");

    story.cancel(1);
    CHECK(story.of("/orders/1", "orderStatus") == "CANCELED");
    CHECK(story.count({}, "order-1") == 0);
    CHECK(story.get("/myPages").field("page.totalElements") == "0");
    CHECK(story.ends_with() == "");
}

TEST_CASE("an unverified order that is canceled leaves no event, and is not verified later") {
    Story story;
    given_resting(story, "customer");
    order_of(story, 1, 1);
    story.cancel(1);
    CHECK(story.del("/orders/1").status == 409);
    CHECK(story.post("/orders/1/verification").status == 409);
    story.restart();
    const auto refused = story.post("/orders/1/verification");
    CHECK(refused.status == 409);
    CHECK(refused.field("message").find("CANCELED") != std::string::npos);
    CHECK(story.ends_with() == "");
    story.start();
    CHECK(story.count({}, "order-1") == 0);
    CHECK(
        story.get("/orders/search/findByCustomerId?customerId=1").field("page.totalElements") == "1"
    );
}

TEST_CASE("POST verification orders at once what could not be verified before") {
    Story story;
    given_resting(story, "customer");
    order_of(story, 1, 1);
    story.restart();
    const auto answer = story.post("/orders/1/verification");
    // The task may have been quicker.
    CHECK((answer.status == 200 || answer.status == 409));
    if (answer.status == 200) {
        CHECK(answer.field("orderStatus") == "ORDERED");
    }
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.count("Ordered") == 1);
    const auto again = story.post("/orders/1/verification");
    CHECK(again.status == 409);
    CHECK(story.post("/orders/7/verification").status == 404);
    CHECK(story.ends_with() == "");
}

TEST_CASE("orders canceled while they are asked about are not asked about any more") {
    Story story;
    given_resting(story, "customer");
    for (int i = 0; i < 100; ++i) {
        order_of(story, 1, 1);
    }
    // The first task runs after a second: cancels and its answers meet.
    for (int i = 1; i <= 100; ++i) {
        story.cancel(i);
    }
    story.restart();
    CHECK(story.ends_with() == "");
}

TEST_CASE("the resources of a context that rests are 503, everyone else's go on") {
    Story story;
    given_resting(story, "customer,payment_history");
    for (const std::string target :
         {"/customers",
          "/customers/1",
          "/myPages",
          "/myPages/search/findByOrderId?orderId=1",
          "/paymentHistories",
          "/rebuilds/my-page"}) {
        const auto answer = story.get(target);
        CHECK_MESSAGE(is_unavailable(answer), target << answer.body);
    }
    CHECK(is_unavailable(story.post("/customers", R"({"customerName":"lee"})")));
    CHECK(is_unavailable(story.del("/customers/1")));
    CHECK(is_unavailable(story.patch("/customers/1", R"({"customerName":"lee"})")));
    CHECK(is_unavailable(story.post("/rebuilds/my-page")));
    CHECK(story.get("/books/1").status == 200);
    CHECK(story.get("/isReady").status == 200);
    CHECK(story.get("/isHealthy").status == 200);
    const auto health = story.get("/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.field("status") == "UP");
    CHECK(health.field("components.customer.status") == "STOPPED");
    CHECK(health.field("components.order.status") == "UP");
    story.restart();
    CHECK(story.of("/customers/1", "customerName") == "kim");
}

TEST_CASE("every context can rest, and what it missed reaches it when it is back") {
    for (const std::string& context : context_names) {
        CAPTURE(context);
        Story story;
        story.given_customer();
        story.given_book(1);
        story.restart({"--stopped", context});
        const auto order = order_of(story, 1, 1);
        CHECK(order.status == (context == "order" ? 503 : 201));
        story.restart();
        if (order.status == 201) {
            CHECK(story.becomes("/deliverables/1", "status", "Stock_Lacked"));
            story.put_in_stock(1, 1);
            CHECK(story.order_becomes(1, "Shipped"));
            CHECK(story.payment_becomes(1, "PAYMENT_COMPLETED"));
        }
        CHECK(story.ends_with() == "");
    }
}
