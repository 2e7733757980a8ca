#include "shops.hpp"

// Whether the broker is there when a process starts, or later, is no matter of life and death.

namespace bookstore::test {
namespace {

/// With a broker of its own.
std::unique_ptr<KafkaShop> shop_with_broker() {
    shared_broker();  // says whether there can be one
    return std::make_unique<KafkaShop>(
        form_of("two"), KafkaShopOptions{.gateway = {.operators = true}, .peer_ms = "30000"}
    );
}

}  // namespace

TEST_CASE("without a broker processes start, are read from, and get ready when it comes") {
    Story shop(shop_with_broker());
    KafkaShop& processes = shop.shop();
    shop.given_customer();
    shop.given_book(2);
    REQUIRE(shop.order_becomes(shop.place_order(1, 1), "Shipped"));
    REQUIRE(rests(processes));
    processes.stop_all();
    processes.broker().kill();

    for (std::size_t place = 0; place < processes.size(); ++place) {
        processes.start(place);
        const auto ready = ask_process(processes, place, "/isReady");
        CHECK(ready.status == 503);
        CHECK_MESSAGE(ready.body.contains("Kafka topic " + processes.topic()), ready.body);
        CHECK(ask_process(processes, place, "/isHealthy").status == 200);
    }
    CHECK(shop.of("/orders/1", "orderStatus") == "Shipped");
    CHECK(shop.of("/payments/1", "status") == "PAYMENT_COMPLETED");
    CHECK(shop.count("Ordered") == 1);
    const std::string order =
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})";
    const auto refused = shop.post("/orders", order);
    CHECK(refused.status == 503);
    CHECK(refused.header("Retry-After") == "1");

    processes.broker().start();
    processes.wait_until_ready();
    CHECK(shop.order_becomes(shop.place_order(1, 1), "Shipped"));
    REQUIRE(rests(processes));
    all_holds_at_the_end(processes, same_events_everywhere(processes));
}

TEST_CASE("while the broker is away orders are acknowledged, and all of them settle when it is back"
) {
    Story shop(shop_with_broker());
    KafkaShop& processes = shop.shop();
    shop.given_customer();
    shop.given_book(100);
    REQUIRE(shop.order_becomes(shop.place_order(1, 1), "Shipped"));

    const auto is_away = [&](std::size_t place) {
        return ask_process(processes, place, "/actuator/health").field("components.kafka.status") ==
               "UNREACHABLE";
    };
    processes.broker().kill();
    for (int i = 0; i < 10; ++i) {
        shop.place_order(1, 1);
    }
    for (std::size_t place = 0; place < processes.size(); ++place) {
        CAPTURE(place);
        REQUIRE(eventually([&] { return is_away(place); }, std::chrono::seconds(60)));
        CHECK(ask_process(processes, place, "/actuator/health").field("status") == "UP");
        CHECK(ask_process(processes, place, "/isHealthy").status == 200);
        CHECK(ask_process(processes, place, "/isReady").status == 200);
    }
    CHECK(shop.place_order(1, 1) == 12);
    CHECK(shop.of("/orders/12", "orderStatus") == "ORDERED");
    CHECK(shop.of("/payments", "page.totalElements") == "1");

    processes.broker().start();
    for (int order = 2; order <= 12; ++order) {
        REQUIRE(eventually(
            [&] { return shop.of(fmt::format("/orders/{}", order), "orderStatus") == "Shipped"; },
            std::chrono::seconds(60)
        ));
    }
    CHECK(eventually([&] {
        return ask_process(processes, 0, "/actuator/health").field("components.kafka.status") ==
               "UP";
    }));
    REQUIRE(rests(processes));
    CHECK(shop.count("Payed") == 12);
    // A record may stand in Kafka twice now: what processes have is the same, once.
    const std::string events = processes.events_of(0);
    CHECK(processes.events_of(1) == events);
    all_holds_at_the_end(processes, events);
}

}  // namespace bookstore::test
