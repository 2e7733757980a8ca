#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "http_server/raw_client.hpp"
#include "story.hpp"
#include "support/context_names.hpp"
#include "support/sqlite_reader.hpp"

// Contexts are stopped and started while the process runs.

using namespace bookstore::test;
namespace http = bookstore::http;

namespace {

std::string state_of(Story& story, const std::string& name) {
    return story.of("/modules/" + name, "state");
}

void stop(Story& story, const std::string& name) {
    const auto answer = story.post("/modules/" + name + "/stop");
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    REQUIRE(answer.field("state") == "STOPPED");
}

void start(Story& story, const std::string& name) {
    const auto answer = story.post("/modules/" + name + "/start");
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    REQUIRE(answer.field("state") != "STOPPED");
}

bool runs(Story& story, const std::string& name) {
    return story.becomes("/modules/" + name, "state", "RUNNING");
}

bool is_unavailable(const Answer& answer) {
    return answer.status == 503 && !answer.header("Retry-After").empty() &&
           answer.field("error") == "Service Unavailable";
}

/// The one subscription of that context, a field of it.
std::string subscription(Story& story, const std::string& name, std::string_view field) {
    const auto module = story.get("/modules/" + name).json();
    return text_of(module.at("subscriptions").as_array().at(0).at(field));
}

/// Kim is customer 1, and book 1 has stock.
void given_a_shop(Story& story, std::int64_t stock = 100) {
    story.given_customer();
    story.given_book(stock);
}

}  // namespace

TEST_CASE("modules: every context with its state, its subscriptions and what may be done") {
    Story story;
    const std::string url = story.process().url();
    const auto list = story.get("/modules");
    REQUIRE(list.status == 200);
    CHECK(list.header("Content-Type") == "application/hal+json;charset=UTF-8");
    CHECK(list.field("_links.self.href") == url + "/modules");
    const auto modules = list.items("modules");
    REQUIRE(modules.size() == context_names.size());
    for (std::size_t i = 0; i < context_names.size(); ++i) {
        CAPTURE(context_names[i]);
        CHECK(text_of(modules[i].at("name")) == context_names[i]);
        CHECK(modules[i].at("state") == "RUNNING");
        const auto one = story.get("/modules/" + context_names[i]);
        CHECK(one.status == 200);
        CHECK(one.field("name") == context_names[i]);
        CHECK(one.field("_links.self.href") == url + "/modules/" + context_names[i]);
        CHECK(one.field("_links.stop.href") == url + "/modules/" + context_names[i] + "/stop");
        CHECK(one.field("_links.start") == "missing");
        CHECK(one.field("held") == "0");
        CHECK(one.field("parked") == "0");
    }
    given_a_shop(story);
    const auto order = story.place_order(1, 1);
    REQUIRE(story.order_becomes(order, "Shipped"));
    // What they handle is behind them, and nothing waits on its way out.
    for (const std::string& name : context_names) {
        CAPTURE(name);
        CHECK(story.becomes("/modules/" + name, "outboxDepth", "0"));
        if (name != "van") {
            CHECK(eventually([&] { return subscription(story, name, "lagEvents") == "0"; }));
            CHECK(std::stoll(subscription(story, name, "position")) > 0);
        }
    }
}

TEST_CASE("modules: an unknown name is a 404 that lists the names, also to stop or start") {
    Story story;
    for (const std::string target :
         {"/modules/shop", "/modules/shop/stop", "/modules/shop/start"}) {
        const bool read = target == "/modules/shop";
        const auto answer = read ? story.get(target) : story.post(target);
        CHECK(error_fault(answer, 404, target) == "");
        for (const std::string& name : context_names) {
            CHECK(answer.field("message").find(name) != std::string::npos);
        }
    }
}

TEST_CASE("modules: a page of another origin can neither stop nor start one") {
    Story story;
    for (const std::string target : {"/modules/order/stop", "/modules/order/start"}) {
        for (const auto& header : std::vector<http::Header>{
                 {"Origin", "http://evil.example"},
                 {"Sec-Fetch-Site", "cross-site"},
                 {"Referer", "http://evil.example/page?of=it"}
             }) {
            const auto refused = story.send(Method::post, target, {}, {header});
            CHECK(error_fault(refused, 403, target) == "");
        }
    }
    CHECK(state_of(story, "order") == "RUNNING");
    const std::vector<http::Header> own{
        {"Origin", story.process().url()}, {"Referer", story.process().url() + "/console"}
    };
    CHECK(story.send(Method::post, "/modules/order/stop", {}, own).status == 200);
    CHECK(state_of(story, "order") == "STOPPED");
}

TEST_CASE("modules: a page whose name was made to resolve to this machine can stop nothing") {
    Story story;
    const auto stopped_at = [&story](const std::string& host) {
        RawClient client(static_cast<std::uint16_t>(std::stoi(story.process().port())));
        client.send(fmt::format(
            "POST /modules/order/stop HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\n"
            "Content-Length: 0\r\n\r\n",
            host
        ));
        return client.reply().status;
    };
    CHECK(stopped_at("evil.example:8080") == 403);
    CHECK(stopped_at("localhost.evil.example") == 403);
    CHECK(state_of(story, "order") == "RUNNING");
    for (const std::string host :
         {"localhost:8080", "LocalHost", "shop.localhost", "127.0.0.1:1", "[::1]:8080"}) {
        CAPTURE(host);
        CHECK(stopped_at(host) == 200);
    }
    story.restart({"--trusted-proxy", "127.0.0.1"});
    CHECK(stopped_at("shop.example") == 200);
}

TEST_CASE("modules: one that is stopped is 503, everybody else goes on, and the process is well") {
    Story story;
    given_a_shop(story);
    stop(story, "customer");
    const auto stopped = story.get("/modules/customer");
    CHECK(stopped.field("_links.start.href").ends_with("/modules/customer/start"));
    CHECK(stopped.field("_links.stop") == "missing");
    for (const std::string target :
         {"/customers", "/customers/1", "/myPages", "/rebuilds/my-page"}) {
        CHECK(is_unavailable(story.get(target)));
    }
    CHECK(is_unavailable(story.post("/customers", R"({"customerName":"lee"})")));
    CHECK(is_unavailable(story.del("/customers/1")));
    CHECK(is_unavailable(story.post("/rebuilds/my-page")));
    CHECK(story.get("/books/1").status == 200);
    CHECK(story.get("/isReady").status == 200);
    CHECK(story.get("/isHealthy").status == 200);
    const auto health = story.get("/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.field("status") == "UP");
    CHECK(health.field("components.customer.status") == "STOPPED");

    stop(story, "customer");  // once more: it is so already
    start(story, "customer");
    start(story, "customer");
    CHECK(runs(story, "customer"));
    CHECK(story.get("/customers/1").status == 200);
    CHECK(story.given_customer("lee") == 2);
    CHECK(story.get("/actuator/health").field("components.customer.status") == "UP");

    stop(story, "customer");  // a stop is not stored
    story.restart();
    CHECK(state_of(story, "customer") == "RUNNING");
    CHECK(story.ends_with() == "");
}

TEST_CASE("the isolation drill: customer stopped, an order placed, customer back") {
    Story story;
    given_a_shop(story);
    stop(story, "customer");
    const auto answer = story.post(
        "/orders",
        R"({"bookId":"1","customerId":"1","quantity":"2","deliveryAddress":"busan si",)"
        R"("payAmount":"1000.0","payType":"ONCE"})"
    );
    CHECK(answer.status == 201);
    CHECK(answer.field("orderStatus") == "Customer_Not_Verified");
    CHECK(is_unavailable(story.post("/orders/1/verification")));
    CHECK(story.of("/modules/order", "outboxDepth") == "0");
    CHECK(story.count({}, "order-1") == 0);
    CHECK(story.get("/payments").field("page.totalElements") == "0");

    start(story, "customer");
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.payment_becomes(1, "PAYMENT_COMPLETED"));
    CHECK(story.becomes("/myPages/1", "orderStatus", "Shipped"));
    CHECK(story.count("Ordered") == 1);
    CHECK(story.ends_with() == "");
}

TEST_CASE("orders that wait to be verified are asked for at once when their context is back") {
    for (const std::string context : {"customer", "inventory"}) {
        CAPTURE(context);
        Story story;
        given_a_shop(story);
        stop(story, context);
        REQUIRE(story.place_order(1, 1) == 1);
        story.stop();
        {
            // It was asked for so often that the next time is half a minute away, or more.
            Sqlite db(story.data_dir() + "/order.db", Sqlite::Mode::write);
            db.run("UPDATE orders SET attempts = 20, next_try = next_try + 3600000");
            REQUIRE(db.number("SELECT changes()") == 1);
        }
        story.start({"--stopped", context});
        // When the process starts, too: that it asked shows in the attempts.
        CHECK(eventually([&] {
            Sqlite db(story.data_dir() + "/order.db");
            return db.number("SELECT attempts FROM orders") == 21;
        }));
        CHECK(story.of("/orders/1", "orderStatus").ends_with("_Not_Verified"));
        start(story, context);
        CHECK(story.order_becomes(1, "Shipped"));  // within 20 s
        CHECK(story.count("Ordered") == 1);
        CHECK(story.ends_with() == "");
    }
}

TEST_CASE("the order context verifies what waited when it goes on itself") {
    Story story;
    given_a_shop(story);
    stop(story, "customer");
    REQUIRE(story.place_order(1, 1) == 1);
    stop(story, "order");
    start(story, "customer");
    CHECK(is_unavailable(story.get("/orders/1")));
    start(story, "order");
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("what a stopped context has published is relayed, and it reads later what it missed") {
    Story story;
    given_a_shop(story);
    stop(story, "delivery");  // so that events for the order context are left when it stops
    for (int i = 0; i < 50; ++i) {
        story.place_order(1, 1);
    }
    stop(story, "order");
    start(story, "delivery");
    CHECK(story.becomes("/modules/order", "outboxDepth", "0"));
    CHECK(story.count("Ordered") == 50);
    CHECK(story.published("Payed", 50));
    CHECK(story.published("DeliveryStatusChanged", 50));
    const auto position = subscription(story, "order", "position");
    CHECK(eventually([&] { return std::stoll(subscription(story, "order", "lagEvents")) > 0; }));
    CHECK(std::stod(subscription(story, "order", "lagSeconds")) > 0);
    CHECK(subscription(story, "order", "position") == position);  // it rests
    start(story, "order");
    CHECK(runs(story, "order"));
    CHECK(story.order_becomes(50, "Shipped"));
    CHECK(eventually([&] { return subscription(story, "order", "lagEvents") == "0"; }));
    CHECK(subscription(story, "order", "lagSeconds") == "0E0");
    CHECK(story.ends_with() == "");
}

TEST_CASE("every context can be stopped and started, and nothing is lost") {
    Story story;
    given_a_shop(story);
    std::int64_t placed = 0;
    for (const std::string& context : context_names) {
        CAPTURE(context);
        stop(story, context);
        if (context != "order") {
            placed = story.place_order(1, 1);
        }
        start(story, context);
        CHECK(story.order_becomes(placed, "Shipped"));
        CHECK(story.payment_becomes(placed, "PAYMENT_COMPLETED"));
    }
    CHECK(placed == 6);
    CHECK(story.ends_with() == "");
}

TEST_CASE("VAN is stopped while payments hang in its network: they are asked for again") {
    Story story({"--breaker-timeout", "1000", "--van-hang", "2000"});
    given_a_shop(story);
    for (int i = 0; i < 3; ++i) {
        story.place_order(1, 1, 1, "0");
    }
    Answer by_hand;
    std::jthread caller([&] { by_hand = story.get("/requestPayment?payment=0"); });
    CHECK(story.payment_becomes(3, "PAYMENT_REQUESTED"));
    stop(story, "van");
    CHECK(is_unavailable(story.get("/requestPayment?payment=5")));
    const auto late = story.place_order(1, 1, 1, "7");
    caller.join();
    // What was under way has its answer, whichever way: it did not hang, and took nothing.
    CHECK((by_hand.status == 200 || by_hand.status == 503));
    CHECK(story.payment_becomes(late, "PAYMENT_REQUESTED"));
    start(story, "van");
    CHECK(story.payment_becomes(late, "PAYMENT_COMPLETED"));
    for (int order = 1; order <= 3; ++order) {
        CHECK(story.payment_becomes(order, "PAYMENT_FAILED"));
    }
    CHECK(story.ends_with() == "");
}

TEST_CASE("payment is stopped while VAN is asked: the answer comes once, when it is back") {
    Story story({"--breaker-timeout", "500", "--van-hang", "1000"});
    given_a_shop(story);
    const auto order = story.place_order(1, 1, 1, "0");
    REQUIRE(story.payment_becomes(order, "PAYMENT_REQUESTED"));
    stop(story, "payment");
    // VAN ends the call, and nobody takes its answer.
    CHECK(eventually([&] {
        Sqlite db(story.data_dir() + "/van.db");
        return db.number("SELECT count(*) FROM ledger") == 1;
    }));
    CHECK(story.count("PaymentFailed") == 0);
    start(story, "payment");
    CHECK(story.payment_becomes(order, "PAYMENT_FAILED"));
    CHECK(story.published("PaymentFailed", 1));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a rebuild rests with its context, and comes to its end when it goes on") {
    Story story;
    given_a_shop(story, 10'000);
    for (int i = 0; i < 300; ++i) {
        story.place_order(1, 1, 1, "");
    }
    REQUIRE(story.order_becomes(300, "Shipped"));
    for (int round = 0; round < 5; ++round) {
        CHECK(story.post("/rebuilds/my-page").status == 202);
        stop(story, "customer");
        CHECK(is_unavailable(story.get("/rebuilds/my-page")));
        start(story, "customer");
        CHECK(story.becomes("/rebuilds/my-page", "state", "done"));
        CHECK(story.of("/myPages", "page.totalElements") == "300");
    }
    CHECK(story.ends_with() == "");
}

TEST_CASE("the command line shows the contexts, stops and starts them") {
    Story story;
    const std::string url = story.process().url();
    const auto all = run_bookstore({"modules", "--url", url});
    CHECK(all.status == 0);
    for (const std::string& name : context_names) {
        CHECK(all.out.find(name + " ") != std::string::npos);
    }
    CHECK(all.out.find("STOPPED") == std::string::npos);
    const auto stopped = run_bookstore({"modules", "stop", "delivery", "--url", url});
    CHECK(stopped.status == 0);
    CHECK(stopped.out.find("delivery         STOPPED") != std::string::npos);
    CHECK(state_of(story, "delivery") == "STOPPED");
    const auto started = run_bookstore({"modules", "start", "delivery", "--url", url});
    CHECK(started.status == 0);
    CHECK(runs(story, "delivery"));
    const auto unknown = run_bookstore({"modules", "stop", "shop", "--url", url});
    CHECK(unknown.status == 1);
    CHECK(unknown.error.find("payment_history") != std::string::npos);
    CHECK(run_bookstore({"modules", "stop", "--url", url}).status == 1);
    CHECK(run_bookstore({"modules", "pause", "order", "--url", url}).status == 1);
}

TEST_CASE("contexts are stopped and started at random under load, and nothing is lost") {
    Story story(quick_van());
    given_a_shop(story, 200);
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::atomic<bool> over{false};
    std::atomic<int> placed{0};
    std::atomic<int> refused{0};
    std::atomic<int> wrong{0};
    const auto customer = [&](unsigned number) {
        std::mt19937 dice(seed + number);
        for (int i = 0; !over; ++i) {
            const bool cancels = dice() % 5 == 0 && placed > 0;
            const auto answer =
                cancels
                    ? story.del(fmt::format("/orders/{}", 1 + dice() % placed))
                    : story.post(
                          "/orders",
                          fmt::format(
                              R"({{"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan",)"
                              R"("payAmount":{}}})",
                              dice() % 3
                          )
                      );
            placed += !cancels && answer.status == 201 ? 1 : 0;
            refused += answer.status == 503 ? 1 : 0;
            const bool fine = answer.status == 201 || answer.status == 204 ||
                              answer.status == 404 || answer.status == 409 || answer.status == 503;
            wrong += fine ? 0 : 1;
        }
    };
    {
        std::vector<std::jthread> customers;
        for (unsigned i = 1; i <= 4; ++i) {
            customers.emplace_back(customer, i);
        }
        std::vector<std::string> stopped;
        for (int round = 0; round < 60; ++round) {
            if (stopped.size() == 2) {  // with more, nobody would get far
                start(story, stopped.front());
                stopped.erase(stopped.begin());
            }
            const std::string& name = context_names[random() % context_names.size()];
            if (std::ranges::find(stopped, name) == stopped.end()) {
                stop(story, name);
                stopped.push_back(name);
            }
            const int before = placed;
            CHECK(eventually([&] {
                return placed > before + 4 || stopped.back() == "order" ||
                       stopped.front() == "order";
            }));
        }
        over = true;
    }
    CHECK(placed > 0);
    CHECK(wrong == 0);
    MESSAGE(placed.load() << " orders were placed, " << refused.load() << " requests refused");
    for (const std::string& name : context_names) {
        start(story, name);
    }
    for (const std::string& name : context_names) {
        CHECK(runs(story, name));
    }
    CHECK(story.ends_with() == "");
}
