#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "story.hpp"
#include "support/small_disk.hpp"

using namespace bookstore::test;

namespace {

const std::string order_body =
    R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan si"})";

}  // namespace

TEST_CASE("health shows every context and the relay, one by one too") {
    Story story({"--stopped", "delivery"});
    const auto health = story.get("/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.field("status") == "UP");
    for (const std::string component :
         {"customer", "inventory", "order", "payment", "payment_history", "van", "relay"}) {
        CAPTURE(component);
        CHECK(health.field("components." + component + ".status") == "UP");
        CHECK(story.of("/actuator/health/" + component, "status") == "UP");
    }
    CHECK(health.field("components.delivery.status") == "STOPPED");
    const auto stopped = story.get("/actuator/health/delivery");
    CHECK(stopped.status == 200);
    CHECK(stopped.field("status") == "STOPPED");
    CHECK(
        error_fault(story.get("/actuator/health/gateway"), 404, "/actuator/health/gateway") == ""
    );
    CHECK(story.get("/isReady").status == 200);
}

TEST_CASE(
    "VAN's breakers are shown: state, since when, why, and how often; an open one is no illness"
) {
    Story story(
        {"--breaker-timeout",
         "100",
         "--van-hang",
         "200",
         "--breaker-request-volume",
         "2",
         "--breaker-sleep-window",
         "1500"}
    );
    const auto shown = [&](const std::string& field) {
        return story.of("/actuator/health/van", "details.circuitBreakers." + field);
    };
    CHECK(shown("keyless.state") == "closed");
    CHECK(shown("keyless.opened") == "0");
    CHECK(shown("keyless.lastTransition") == "null");
    CHECK(shown("keyless.since").ends_with("Z"));
    story.get("/requestPayment?payment=0");
    story.get("/requestPayment?payment=0");
    story.get("/requestPayment?payment=5");
    const auto health = story.get("/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.field("status") == "UP");
    CHECK(health.field("components.van.status") == "UP");
    const std::string breakers = "components.van.details.circuitBreakers.";
    CHECK(health.field(breakers + "keyless.state") == "open");
    CHECK(health.field(breakers + "keyless.opened") == "1");
    CHECK(health.field(breakers + "keyless.calls") == R"({"succeeded":0,"failed":2,"refused":1})");
    CHECK(health.field(breakers + "keyless.lastTransition.from") == "closed");
    CHECK(health.field(breakers + "keyless.lastTransition.to") == "open");
    CHECK(
        health.field(breakers + "keyless.lastTransition.reason") ==
        "2 of 2 calls within 10000 ms failed"
    );
    CHECK(
        health.field(breakers + "keyless.lastTransition.at") ==
        health.field(breakers + "keyless.since")
    );
    CHECK(health.field(breakers + "keyed.state") == "closed");
    CHECK(story.get("/isHealthy").status == 200);
    // By itself, though nobody calls; then the first call closes it.
    CHECK(eventually([&] { return shown("keyless.state") == "half-open"; }));
    CHECK(story.get("/requestPayment?payment=5").body == "PAYMENT_COMPLETED");
    CHECK(shown("keyless.state") == "closed");
    CHECK(shown("keyless.lastTransition.reason") == "the trial succeeded");
    const std::string log = story.process().log();
    CHECK(log.find("the breaker for calls without a key is open") != std::string::npos);
    CHECK(log.find("the breaker for calls without a key is closed") != std::string::npos);
}

TEST_CASE("a zombie says so everywhere, and ends with status 1 where that was asked for") {
    Story story({"--exit-when-unhealthy", "1"});
    story.given_customer();
    CHECK(story.get("/makeZombie").status == 200);
    CHECK(error_fault(story.get("/isHealthy"), 500, "/isHealthy") == "");
    CHECK(story.get("/isHealthy").header("Connection") == "close");  // as in the original
    CHECK(story.of("/isHealthy", "message") == "Zombie...");
    const auto health = story.get("/actuator/health");
    CHECK(health.status == 503);
    CHECK(health.field("status") == "DOWN");
    CHECK(health.field("details.reason") == "Zombie...");
    // It still serves: that is what a zombie is.
    CHECK(story.get("/customers/1").status == 200);
    CHECK(story.process().wait() == 1);
    const std::string log = story.process().log();
    CHECK(log.find("unhealthy: Zombie...") != std::string::npos);
    CHECK(log.find("ending, to be started again") != std::string::npos);
    story.start();
    CHECK(story.get("/isHealthy").status == 200);
    CHECK(story.of("/customers/1", "customerName") == "kim");
}

TEST_CASE("a zombie that nobody ends stays one") {
    Story story;
    REQUIRE(story.get("/makeZombie").status == 200);
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    CHECK(story.get("/isHealthy").status == 500);
    CHECK(story.get("/isReady").status == 200);
}

TEST_CASE("a full disk: unhealthy by itself, with the reason; well again when there is room") {
    const TemporaryDirectory directory;
    const SmallDisk disk(directory.path(), "12m");
    if (!disk.mounted()) {
        MESSAGE("this process may not mount a small disk: not tested");
        return;
    }
    BookstoreProcess process(directory.path() + "/data");
    const auto post = [&](const std::string& target, const std::string& body) {
        return process.post(target, body).status;
    };
    REQUIRE(post("/customers", R"({"customerName":"kim"})") == 201);
    REQUIRE(post("/books", R"({"bookName":"b","stock":1000})") == 201);
    REQUIRE(post("/orders", order_body) == 201);
    disk.fill();
    // Nobody has to write for it to be seen.
    CHECK(eventually([&] { return process.get("/isHealthy").status == 500; }));
    // A write that was under way may have failed before the disk was looked at.
    CHECK(eventually([&] {
        return process.get("/isHealthy").body.find("disk") != std::string::npos;
    }));
    CHECK(process.get("/actuator/health").status == 503);
    CHECK(eventually([&] { return process.log().find("unhealthy: ") != std::string::npos; }));
    CHECK(process.get("/orders/1").status == 200);
    int refused = 0;
    int placed = 1;
    for (int i = 0; i < 50; ++i) {
        const int status = post("/orders", order_body);
        refused += status == 507 || status == 503 ? 1 : 0;
        placed += status == 201 ? 1 : 0;
        CHECK((status == 507 || status == 503 || status == 201));
    }
    disk.make_room();
    CHECK(eventually([&] { return process.get("/isHealthy").status == 200; }));
    CHECK(eventually([&] { return post("/orders", order_body) == 201; }));
    CHECK(eventually([&] { return process.log().find("healthy again") != std::string::npos; }));
    const auto body = process.get("/orders?size=1").body;
    CHECK(body.find(fmt::format("\"totalElements\":{}", placed + 1)) != std::string::npos);
}

TEST_CASE("a process hosts the contexts that --modules names, and no other") {
    Story story({"--modules", "van"});
    CHECK(story.get("/requestPayment?payment=5").body == "PAYMENT_COMPLETED");
    CHECK(story.get("/isReady").status == 200);
    CHECK(error_fault(story.get("/orders"), 404, "/orders") == "");
    CHECK(story.of("/actuator/health", "components.order") == "missing");
    CHECK(story.of("/", "_links.orders") == "missing");
    CHECK(story.of("/openapi.json", "paths./orders") == "missing");
    CHECK_FALSE(std::filesystem::exists(story.data_dir() + "/order.db"));
    CHECK(std::filesystem::exists(story.data_dir() + "/van.db"));

    // On the same directory with all of them.
    story.restart();
    CHECK(story.of("/orders", "page.totalElements") == "0");

    // Contexts that are not hosted do not answer: what is placed waits for them.
    story.given_customer();
    story.given_book(5);
    story.restart({"--modules", "order,customer,payment", "--kafka", "none"});
    const auto order = story.post("/orders", order_body);
    CHECK(order.status == 201);
    CHECK(order.field("orderStatus") == "Book_Not_Verified");
    story.restart();
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("--modules that make no sense are refused") {
    for (const std::vector<std::string>& flags :
         {std::vector<std::string>{"--modules", "orders"},
          {"--modules", "van", "--stopped", "order"},
          {"--modules", ""}}) {
        std::vector<std::string> arguments{
            "serve", "--listen", "127.0.0.1:0", "--data-dir", "/dev/null/x"
        };
        arguments.insert(arguments.end(), flags.begin(), flags.end());
        const auto done = run_bookstore(arguments);
        CAPTURE(done.error);
        CHECK(done.status == 1);
        CHECK(done.error.find("--") != std::string::npos);
    }
}
