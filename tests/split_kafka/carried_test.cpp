#include <signal.h>

#include "shops.hpp"

// A log is carried to a Kafka topic: that of a single process, and that of a shop whose topic was
// lost.

namespace bookstore::test {
namespace {

/// Every event with its position, as a stream has them.
std::string stream_of(const std::string& url) {
    return http::fetch(Method::get, http::parse_url(url + "/events?from=beginning&follow=false"))
        .body;
}

/// Without the comment at its end.
std::string events_in(const std::string& stream) {
    return stream.substr(0, stream.rfind("\n\n") + 2);
}

std::string new_topic(const std::string& name) {
    run_topic(shared_broker(), name, "create");
    return name;
}

}  // namespace

TEST_CASE("the log of a single process is carried to Kafka, and its files are split over two") {
    const TemporaryDirectory directory;
    std::string stream;
    {
        BookstoreProcess one(directory.path());
        one.wait_until_ready();
        one.post("/customers", R"({"customerName":"kim"})");
        one.post("/books", R"({"bookName":"DDD","stock":3})");
        for (int i = 0; i < 4; ++i) {
            const auto placed = one.post(
                "/orders",
                R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan","payAmount":7})"
            );
            REQUIRE(placed.status == 201);
        }
        REQUIRE(eventually([&] { return all_hold({directory.path()}); }));
        stream = events_in(stream_of(one.url()));
        one.signal(SIGTERM);
        REQUIRE(one.wait() == 0);
    }
    const std::string before =
        run_bookstore({"events", "--from-beginning", "--data-dir", directory.path()}).out;
    const std::string topic = new_topic("carried");
    const auto carried = run_topic(shared_broker(), topic, "republish", {directory.path()});
    CHECK_MESSAGE(
        carried.out.starts_with(fmt::format("{} events of ", lines_of(before))), carried.out
    );
    CHECK(shared_broker().console_consumer(topic, static_cast<int>(lines_of(before))) == before);

    Story shop(shop_in(form_of("two"), {}, false, topic));
    KafkaShop& processes = shop.shop();
    for (const std::string name : {"customer", "inventory", "order", "topic"}) {
        move_file(name, directory.path(), processes.data_dir(0));
    }
    for (const std::string name : {"delivery", "payment", "payment_history", "van"}) {
        move_file(name, directory.path(), processes.data_dir(1));
    }
    processes.start_all();
    CHECK(stream_of(processes.url_of(0)).starts_with(stream));
    CHECK(stream_of(processes.url_of(1)).starts_with(stream));

    CHECK(shop.of("/orders", "page.totalElements") == "4");
    CHECK(shop.of("/orders/4", "orderStatus") == "ORDERED");
    shop.put_in_stock(1, 2);
    CHECK(shop.order_becomes(4, "Shipped"));
    CHECK(shop.place_order(1, 1) == 5);
    CHECK(shop.order_becomes(5, "Shipped"));
    CHECK(shop.payment_becomes(5, "PAYMENT_COMPLETED"));
    CHECK(shop.of("/payments/5", "orderId") == "5");
    REQUIRE(rests(processes));
    CHECK(stream_of(processes.url_of(0)).starts_with(stream));
    const std::string events = same_events_everywhere(processes);
    CHECK(events.starts_with(before));
    CHECK(lines_of(events) > lines_of(before));
    all_holds_at_the_end(processes, events);
}

TEST_CASE("a topic that is deleted and made anew stops every process, and the log is carried on") {
    const std::string topic = new_topic("lost");
    Story shop(shop_in(form_of("two"), {}, true, topic));
    KafkaShop& processes = shop.shop();
    shop.given_customer();
    shop.given_book(3);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(shop.order_becomes(shop.place_order(1, 1), "Shipped"));
    }
    REQUIRE(rests(processes));
    const std::string before = processes.events_of(0);

    shared_broker().delete_topic(topic);
    // The broker takes a moment to forget it.
    REQUIRE(eventually([&] {
        try {
            new_topic(topic);
            return true;
        } catch (const std::runtime_error&) {
            return false;
        }
    }));

    for (std::size_t place = 0; place < processes.size(); ++place) {
        CAPTURE(place);
        REQUIRE(eventually(
            [&] { return ask_process(processes, place, "/isHealthy").status == 500; },
            std::chrono::seconds(60)
        ));
        const std::string why = ask_process(processes, place, "/isHealthy").body;
        CAPTURE(why);
        CHECK(why.contains("topic.db"));
        CHECK(why.contains("Kafka topic " + topic));
        CHECK(why.contains("bookstore topic republish"));
        CHECK(processes.events_of(place) == before);
    }
    CHECK(shop.of("/orders", "page.totalElements") == "3");
    CHECK(shop.of("/payments", "page.totalElements") == "3");
    const std::string order =
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})";
    CHECK(shop.post("/orders", order).status == 503);
    CHECK(shop.post("/customers", R"({"customerName":"lee"})").status == 503);
    CHECK(shop.patch("/deliveries/1", R"({"deliveryStatus":"Delivered"})").status == 503);
    CHECK(shop.of("/actuator/health", "components.kafka.status") == "DOWN");
    // A start does not mend it.
    processes.stop_all();
    processes.start(0);
    CHECK(eventually(
        [&] { return ask_process(processes, 0, "/isHealthy").status == 500; },
        std::chrono::seconds(60)
    ));
    CHECK(ask_process(processes, 0, "/isReady").status == 503);
    CHECK(ask_process(processes, 0, "/orders/3").status == 200);
    processes.stop_all();

    const std::string other = new_topic("lost-1");
    run_topic(shared_broker(), other, "republish", processes.data_dirs());
    processes.set_topic(other);
    processes.start_all();
    CHECK(processes.events_of(0) == before);
    CHECK(processes.events_of(1) == before);
    CHECK(shop.place_order(1, 1) == 4);
    REQUIRE(shop.becomes("/deliverables/4", "status", "Stock_Lacked"));
    shop.put_in_stock(1, 1);
    CHECK(shop.order_becomes(4, "Shipped"));
    REQUIRE(rests(processes));
    const std::string events = same_events_everywhere(processes);
    CHECK(events.starts_with(before));
    all_holds_at_the_end(processes, events);
}

}  // namespace bookstore::test
