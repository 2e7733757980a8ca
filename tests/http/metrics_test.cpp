#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "http_server/raw_client.hpp"
#include "scrape.hpp"
#include "story.hpp"

// GET /metrics: what is counted is what was done.

using namespace bookstore::test;

namespace {

Scrape scrape(Story& story) {
    const Answer answer = story.get("/metrics");
    REQUIRE(answer.status == 200);
    return Scrape(answer.body);
}

double requests(const Scrape& metrics, const std::string& route, const std::string& status) {
    return metrics.sum("bookstore_http_requests_total", {{"route", route}, {"status", status}});
}

double payments(const Scrape& metrics, const std::string& result) {
    return metrics.value("bookstore_payments_total", {{"result", result}});
}

RawClient client_of(Story& story) {
    return RawClient(static_cast<std::uint16_t>(std::stoi(story.process().port())));
}

/// Everything that happens to orders, once: shipped, canceled and refunded, not paid.
void play(Story& story) {
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    REQUIRE(story.order_becomes(story.place_order(book, customer), "Shipped"));
    const auto canceled = story.place_order(book, customer, 100);  // more than there are
    REQUIRE(story.payment_becomes(canceled, "PAYMENT_COMPLETED"));
    story.cancel(canceled);
    REQUIRE(story.payment_becomes(canceled, "PAYMENT_CANCELED"));
    const auto unpaid = story.place_order(book, customer, 1, "0");
    REQUIRE(story.payment_becomes(unpaid, "PAYMENT_FAILED"));
}

}  // namespace

TEST_CASE("/metrics is Prometheus' text format, and breaks none of its rules") {
    Story story(quick_van());
    play(story);
    const Answer answer = story.get("/metrics");
    CHECK(answer.status == 200);
    CHECK(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    const Scrape metrics(answer.body);
    CHECK(metrics.faults().empty());
    CHECK(metrics.size() > 500);
    // What Prometheus 2.42 sends.
    const std::string wants =
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    CHECK(story.get("/metrics", {{"Accept", wants}}).status == 200);
    CHECK(story.get("/metrics", {{"Accept", "application/json"}}).status == 406);
    const Answer bare = story.send(Method::head, "/metrics");
    CHECK(bare.status == 200);
    CHECK(bare.body.empty());
}

TEST_CASE("promtool finds nothing to say against /metrics") {
    Story story(quick_van());
    play(story);
    const TemporaryDirectory files;
    const std::string path = files.path() + "/metrics";
    std::ofstream(path) << story.get("/metrics").body;
    const auto checked =
        run_program({"/bin/sh", "-c", "promtool check metrics < " + path + " 2>&1"});
    CHECK(checked.out == "");
    CHECK(checked.status == 0);
}

TEST_CASE("requests are counted by method, route and status") {
    Story story;
    const auto customer = story.given_customer();
    // A request is counted when its answer was written: its client may be quicker.
    REQUIRE(eventually([&] { return requests(scrape(story), "/customers", "201") == 1; }));
    const Scrape before = scrape(story);
    for (int i = 0; i < 7; ++i) {
        story.get(fmt::format("/customers/{}", customer));
    }
    for (int i = 0; i < 5; ++i) {
        story.get("/customers/4711");
    }
    for (int i = 0; i < 3; ++i) {
        story.send(Method::head, fmt::format("/customers/{}", customer));
    }
    story.given_customer();
    story.given_customer();
    story.post("/customers", "{}");
    story.get("/nowhere");
    story.get("/nowhere/else");
    story.put("/orders", "{}");
    REQUIRE(eventually([&] {
        const Scrape now = scrape(story);
        return requests(now, "none", "405") == 1 && requests(now, "/customers", "201") == 3 &&
               requests(now, "none", "404") == 2;
    }));
    const Scrape after = scrape(story);
    const auto more = [&](const std::string& name, const LabelValues& labels) {
        return after.sum(name, labels) - before.sum(name, labels);
    };
    const auto counted = [&](const std::string& method, const std::string& route, int status) {
        const LabelValues labels{
            {"method", method}, {"route", route}, {"status", std::to_string(status)}
        };
        const double total = more("bookstore_http_requests_total", labels);
        CHECK(more("bookstore_http_request_duration_seconds_count", labels) == total);
        return total;
    };
    CHECK(counted("GET", "/customers/{id}", 200) == 7);
    CHECK(counted("GET", "/customers/{id}", 404) == 5);
    CHECK(counted("HEAD", "/customers/{id}", 200) == 3);
    CHECK(counted("POST", "/customers", 201) == 2);
    CHECK(counted("POST", "/customers", 400) == 1);
    CHECK(counted("GET", "none", 404) == 2);
    CHECK(counted("PUT", "none", 405) == 1);
    CHECK(counted("GET", "/metrics", 200) >= 1);
    CHECK(after.value("bookstore_http_requests_in_flight") >= 1);
    CHECK(after.value("bookstore_http_connections") >= 1);
    CHECK(more("bookstore_http_connections_accepted_total", {}) >= 1);
}

TEST_CASE("payments, events and commits are counted") {
    Story story(quick_van());
    const Scrape fresh = scrape(story);
    for (const std::string result : {"completed", "failed", "canceled"}) {
        CHECK(payments(fresh, result) == 0);
    }
    play(story);
    // A status is seen before its event is in the topic.
    REQUIRE(eventually([&] { return payments(scrape(story), "failed") == 1; }));
    const Scrape played = scrape(story);
    CHECK(payments(played, "completed") == 2);
    CHECK(payments(played, "canceled") == 1);
    CHECK(payments(played, "failed") == 1);
    CHECK(requests(played, "/orders", "201") == 3);
    CHECK(requests(played, "/orders/{id}", "204") == 1);
    CHECK(played.value("bookstore_task_calls_total", {{"task", "ask-van"}}) >= 3);
    CHECK(played.value("bookstore_task_calls_total", {{"task", "refund-at-van"}}) >= 1);
    for (const std::string type : {"Ordered", "OrderCanceled", "DeliveryPrepared", "Payed"}) {
        CAPTURE(type);
        const auto times = static_cast<double>(story.count(type));
        CHECK(times > 0);
        CHECK(played.value("bookstore_events_total", {{"type", type}}) == times);
    }
    const double ordered = played.value("bookstore_events_total", {{"type", "Ordered"}});
    const LabelValues handled{{"subscription", "payment"}, {"event", "Ordered"}};
    CHECK(played.value("bookstore_handler_duration_seconds_count", handled) == ordered);
    for (const std::string module : {"customer", "order", "payment", "van", "topic"}) {
        CAPTURE(module);
        const LabelValues labels{{"module", module}};
        const double commits = played.value("bookstore_commits_total", labels);
        CHECK(commits > 0);
        CHECK(played.value("bookstore_commit_duration_seconds_count", labels) == commits);
        CHECK(played.value("bookstore_commit_batch_size_count", labels) == commits);
        CHECK(played.value("bookstore_commit_batch_size_sum", labels) >= commits);
        CHECK(played.value("bookstore_commit_failures_total", labels) == 0);
        CHECK(played.value("bookstore_database_size_bytes", labels) > 0);
    }
    story.given_customer("lee");
    const Scrape later = scrape(story);
    const LabelValues customers{{"module", "customer"}, {"synced", "true"}};
    CHECK(
        later.value("bookstore_commits_total", customers) >=
        played.value("bookstore_commits_total", customers) + 1
    );
    CHECK(later.fallen_since(played) == "");
}

TEST_CASE("no counter falls while several clients work") {
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(100'000);
    std::vector<std::jthread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&story, customer, book](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                story.place_order(book, customer);
                story.get("/orders/1");
            }
        });
    }
    Scrape last = scrape(story);
    for (int i = 0; i < 30; ++i) {
        Scrape next = scrape(story);
        CHECK(next.faults() == "");
        CHECK(next.fallen_since(last) == "");
        last = std::move(next);
    }
    for (auto& client : clients) {
        client.request_stop();
    }
}

TEST_CASE("what clients ask for makes no labels: 10,000 paths, odd methods") {
    Story story;
    const auto customer = story.given_customer();
    story.get("/metrics");
    const Scrape before = scrape(story);
    auto client = client_of(story);
    const auto ask = [&](const std::string& method, const std::string& target) {
        client.send(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    };
    constexpr int most_at_once = 100;
    for (int i = 0; i < 10'000; i += most_at_once) {
        for (int j = i; j < i + most_at_once; ++j) {
            ask("GET",
                j % 2 == 0 ? fmt::format("/path{}/of/{}", j, j)
                           : fmt::format("/orders/{}", j + 5000));
        }
        for (int j = 0; j < most_at_once; ++j) {
            CHECK(client.reply().status == 404);
        }
    }
    for (const std::string method : {"BREW", "PROPFIND", "X\"}{\\", "FOO", "BAR"}) {
        auto another = client_of(story);
        another.send(method + " /customers HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(another.reply().status >= 400);
    }
    const Scrape after = scrape(story);
    CHECK(after.faults() == "");
    CHECK(requests(after, "none", "404") - requests(before, "none", "404") == 5'000);
    CHECK(
        requests(after, "/orders/{id}", "404") - requests(before, "/orders/{id}", "404") == 5'000
    );
    std::set<std::string> known{"none", "/docs", "/docs/docs.css", "/docs/docs.js"};
    const auto api = story.get("/openapi.json").json();
    for (const auto& path : api.at("paths").as_object()) {
        known.emplace(path.key());
    }
    for (const std::string& route : after.values_of("route")) {
        CAPTURE(route);
        CHECK(known.contains(route));
    }
    for (const std::string& method : after.values_of("method")) {
        CAPTURE(method);
        CHECK(std::set<std::string>{"GET", "HEAD", "POST", "other"}.contains(method));
    }
    // A few statuses of a few routes, each a counter and a histogram of 19 lines.
    CHECK(after.size() < before.size() + 200);
    CHECK(story.of(fmt::format("/customers/{}", customer), "customerName") == "kim");
}

TEST_CASE("a stopped context lags, in events and in seconds, and the rest does not") {
    Story story({"--stopped", "delivery"});
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    story.place_order(book, customer);
    REQUIRE(story.published("DeliveryPrepared", 1));
    const LabelValues delivery{{"module", "delivery"}, {"subscription", "delivery"}};
    const LabelValues inventory{{"module", "inventory"}, {"subscription", "inventory"}};
    CHECK(eventually([&] {
        const Scrape metrics = scrape(story);
        return metrics.value("bookstore_subscription_lag_events", delivery) >= 1 &&
               metrics.value("bookstore_subscription_lag_seconds", delivery) > 0 &&
               metrics.value("bookstore_subscription_lag_events", inventory) == 0 &&
               metrics.value("bookstore_subscription_lag_seconds", inventory) == 0 &&
               metrics.value("bookstore_outbox_depth") == 0 &&
               metrics.value("bookstore_relay_lag_seconds") == 0;
    }));
    const Scrape metrics = scrape(story);
    const auto state = [&](const std::string& module, const std::string& word) {
        return metrics.value("bookstore_module_state", {{"module", module}, {"state", word}});
    };
    CHECK(state("delivery", "stopped") == 1);
    CHECK(state("delivery", "running") == 0);
    CHECK(state("order", "running") == 1);
    CHECK(metrics.value("bookstore_held_events") == 0);
    CHECK(metrics.value("bookstore_parked_events") == 0);
    CHECK(metrics.value("bookstore_healthy") == 1);
}

TEST_CASE("the breaker's state and calls are told, and a zombie") {
    Story story({"--van-hang", "50", "--breaker-timeout", "20", "--breaker-request-volume", "3"});
    const LabelValues keyless{{"breaker", "keyless"}};
    const auto state = [&](const Scrape& metrics, const std::string& word) {
        return metrics.value("bookstore_breaker_state", {{"breaker", "keyless"}, {"state", word}});
    };
    CHECK(state(scrape(story), "closed") == 1);
    for (int i = 0; i < 3; ++i) {
        story.get("/requestPayment?payment=0");
    }
    story.get("/requestPayment?payment=1000");
    const Scrape open = scrape(story);
    CHECK(state(open, "open") == 1);
    CHECK(state(open, "closed") == 0);
    CHECK(open.value("bookstore_breaker_opened_total", keyless) == 1);
    const auto calls = [&](const std::string& result) {
        return open.value(
            "bookstore_breaker_calls_total", {{"breaker", "keyless"}, {"result", result}}
        );
    };
    CHECK(calls("failed") == 3);
    CHECK(calls("refused") == 1);
    CHECK(calls("succeeded") == 0);
    story.get("/makeZombie");
    CHECK(scrape(story).value("bookstore_healthy") == 0);
}

TEST_CASE("the process tells its CPU time, memory and files") {
    Story story;
    const Scrape before = scrape(story);
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    CHECK(before.value("process_start_time_seconds") > now - 600);
    CHECK(before.value("process_start_time_seconds") < now + 2);
    CHECK(before.value("process_cpu_seconds_total") > 0);
    CHECK(before.value("process_resident_memory_bytes") > 1 << 20);
    CHECK(
        before.value("process_virtual_memory_bytes") > before.value("process_resident_memory_bytes")
    );
    CHECK(before.value("process_max_fds") >= before.value("process_open_fds"));
    CHECK(before.value("bookstore_build_info") == 1);
    std::vector<RawClient> idle;
    for (int i = 0; i < 50; ++i) {
        idle.push_back(client_of(story));
    }
    CHECK(eventually([&] {
        const Scrape after = scrape(story);
        return after.value("process_open_fds") >= before.value("process_open_fds") + 40 &&
               after.value("bookstore_http_connections") >= 50;
    }));
}

TEST_CASE("connections that were one too many are counted") {
    Story story({"--max-connections", "2"});
    {
        auto first = client_of(story);
        auto second = client_of(story);
        first.send("GET /isReady HTTP/1.1\r\nHost: a\r\n\r\n");
        second.send("GET /isReady HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(first.reply().status == 200);
        CHECK(second.reply().status == 200);
        CHECK(client_of(story).reply().status == 503);
    }
    double refused = 0;
    CHECK(eventually([&] {
        const Answer answer = story.get("/metrics");
        if (answer.status != 200) {
            return false;  // the two are not gone yet
        }
        refused = Scrape(answer.body).value("bookstore_http_connections_refused_total");
        return true;
    }));
    CHECK(refused >= 1);
}
