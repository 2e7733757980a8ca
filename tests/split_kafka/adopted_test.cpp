#include <signal.h>

#include <fstream>

#include "shops.hpp"

// A context's file that was restored from an older backup is taken back into the running shop.

namespace bookstore::test {

TEST_CASE("payment.db of before three orders is refused, adopted, and charges nobody twice") {
    Story shop(shop_in(form_of("two")));
    KafkaShop& processes = shop.shop();
    const std::size_t place = processes.place_of("payment");
    const std::string& directory = processes.data_dir(place);
    const std::string file = directory + "/payment.db";
    const TemporaryDirectory backup;
    const std::string older = backup.path() + "/payment.db";
    shop.given_customer();
    shop.given_book(3);
    REQUIRE(shop.order_becomes(shop.place_order(1, 1), "Shipped"));
    REQUIRE(rests(processes));
    processes.stop(place);
    std::filesystem::copy_file(file, older);
    processes.start(place);
    processes.wait_until_ready();

    for (int id = 2; id <= 4; ++id) {  // the last one waits for stock, and is canceled
        CHECK(shop.place_order(1, 1) == id);
        CHECK(shop.payment_becomes(id, "PAYMENT_COMPLETED"));
    }
    CHECK(shop.del("/orders/4").status / 100 == 2);
    CHECK(shop.payment_becomes(4, "PAYMENT_CANCELED"));
    REQUIRE(rests(processes));
    const std::string events = same_events_everywhere(processes);

    processes.stop(place);
    std::filesystem::copy_file(older, file, std::filesystem::copy_options::overwrite_existing);
    processes.start(place);
    REQUIRE(eventually([&] { return ask_process(processes, place, "/isHealthy").status == 500; }));
    CHECK(ask_process(processes, place, "/isHealthy").body.contains("bookstore topic adopt"));
    processes.stop(place);

    const auto adopt = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words{
            "topic",
            "adopt",
            "--kafka",
            processes.broker().address(),
            "--kafka-topic",
            processes.topic(),
            "--data-dir",
            directory
        };
        words.insert(words.end(), more.begin(), more.end());
        return run_bookstore(words);
    };
    CHECK(adopt({}).error.contains("say with --context which of"));
    CHECK(adopt({"--context", "order"}).error.contains("has no order.db"));
    CHECK(adopt({"--context", "delivery"}).error.contains("there is nothing to adopt"));
    const Finished adopted = adopt({"--context", "payment"});
    CHECK_MESSAGE(adopted.status == 0, adopted.error);
    CHECK_MESSAGE(adopted.out.starts_with("payment.db lacked 4 of its events"), adopted.out);
    CHECK_MESSAGE(!adopted.out.contains("NOT taken back"), adopted.out);
    CHECK_MESSAGE(
        adopted.out.contains("the file as it was: " + file + ".before-adoption-1"), adopted.out
    );
    CHECK(!std::filesystem::exists(directory + "/adopting"));

    processes.start(place);
    processes.wait_until_ready();
    CHECK(processes.events_of(place) == events);  // nothing was said again
    CHECK(shop.of("/payments/3", "status") == "PAYMENT_COMPLETED");
    CHECK(shop.of("/payments/4", "status") == "PAYMENT_CANCELED");
    shop.put_in_stock(1, 2);
    CHECK(shop.order_becomes(shop.place_order(1, 1), "Shipped"));
    CHECK(shop.payment_becomes(5, "PAYMENT_COMPLETED"));
    REQUIRE(rests(processes));
    all_holds_at_the_end(processes, same_events_everywhere(processes));
}

}  // namespace bookstore::test
