#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "story.hpp"
#include "support/sqlite_reader.hpp"

using namespace bookstore::test;

namespace {

std::vector<bookstore::http::Header> key(const std::string& value) {
    return {{"Idempotency-Key", value}};
}

Answer charge(Story& story, const std::string& k, const std::string& amount) {
    return story.send(Method::post, "/requestPayment?payment=" + amount, {}, key(k));
}

Answer cancel(Story& story, const std::string& k) {
    return story.send(Method::post, "/cancelPayment", {}, key(k));
}

/// A breaker that opens after two failures of 100 ms and tries again after `sleep_ms`.
std::vector<std::string> nervous_breaker(int sleep_ms) {
    return {
        "--breaker-timeout",
        "100",
        "--van-hang",
        "200",
        "--breaker-request-volume",
        "2",
        "--breaker-sleep-window",
        std::to_string(sleep_ms)
    };
}

}  // namespace

TEST_CASE("the same key gets the same answer for ever, another amount is 422") {
    Story story(quick_van());
    CHECK(charge(story, "k1", "12.5").body == "PAYMENT_COMPLETED");
    CHECK(charge(story, "k1", "12.5").body == "PAYMENT_COMPLETED");
    CHECK(charge(story, "k1", "12.50").body == "PAYMENT_COMPLETED");
    const auto other = charge(story, "k1", "13");
    CHECK(other.status == 422);
    CHECK(other.field("status") == "422");
    CHECK(charge(story, "k0", "0").body == "PAYMENT_FAILED");
    story.restart(quick_van());
    CHECK(charge(story, "k1", "12.5").body == "PAYMENT_COMPLETED");
    const auto start = std::chrono::steady_clock::now();
    CHECK(charge(story, "k0", "0").body == "PAYMENT_FAILED");
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(250));
    CHECK(charge(story, "k0", "1").status == 422);
    story.stop();
    Sqlite ledger(story.data_dir() + "/van.db");
    CHECK(ledger.number("SELECT count(*) FROM ledger") == 2);
    CHECK(ledger.number("SELECT amount FROM ledger WHERE key = 'k1'") == 1250);
}

TEST_CASE("GET /requestPayment with a key counts like POST") {
    Story story;
    CHECK(story.get("/requestPayment?payment=5", key("g")).body == "PAYMENT_COMPLETED");
    CHECK(charge(story, "g", "6").status == 422);
}

TEST_CASE("a charge is canceled by its key, and a repeated charge takes nothing") {
    Story story;
    CHECK(charge(story, "k", "10").body == "PAYMENT_COMPLETED");
    const auto canceled = cancel(story, "k");
    CHECK(canceled.status == 200);
    CHECK(canceled.body == "PAYMENT_CANCELED");
    CHECK(canceled.header("Content-Type") == "text/plain;charset=UTF-8");
    CHECK(cancel(story, "k").body == "PAYMENT_CANCELED");
    CHECK(charge(story, "k", "10").body == "PAYMENT_COMPLETED");
    story.stop();
    Sqlite ledger(story.data_dir() + "/van.db");
    CHECK(ledger.number("SELECT canceled FROM ledger WHERE key = 'k'") == 1);
    CHECK(ledger.number("SELECT count(*) FROM ledger") == 1);
}

TEST_CASE("a cancel that comes before its charge makes the charge fail") {
    Story story;
    CHECK(cancel(story, "early").body == "PAYMENT_CANCELED");
    CHECK(charge(story, "early", "10").body == "PAYMENT_FAILED");
    CHECK(charge(story, "early", "11").body == "PAYMENT_FAILED");
    CHECK(cancel(story, "early").body == "PAYMENT_CANCELED");
    story.stop();
    Sqlite ledger(story.data_dir() + "/van.db");
    CHECK(ledger.number("SELECT canceled FROM ledger") == 0);
    CHECK(ledger.number("SELECT amount IS NULL FROM ledger") == 1);
}

TEST_CASE("a cancel while its charge hangs in the network: the charge is answered from its row") {
    Story story({"--breaker-timeout", "600", "--van-hang", "900"});
    Answer late;
    std::jthread hanging([&] { late = charge(story, "h", "0"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(cancel(story, "h").body == "PAYMENT_CANCELED");
    hanging.join();
    CHECK(late.body == "PAYMENT_FAILED");
    CHECK(charge(story, "h", "0").body == "PAYMENT_FAILED");
}

TEST_CASE("a second call with a key under way waits for the first one's answer") {
    Story story({"--breaker-timeout", "500", "--van-hang", "900"});
    Answer first;
    Answer second;
    const auto start = std::chrono::steady_clock::now();
    std::jthread a([&] { first = charge(story, "w", "0"); });
    std::jthread b([&] { second = charge(story, "w", "0"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(charge(story, "w", "7").status == 422);
    a.join();
    b.join();
    CHECK(first.body == "PAYMENT_FAILED");
    CHECK(second.body == "PAYMENT_FAILED");
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(950));
}

TEST_CASE("a cancel without a key is 400, as is an amount that is no money") {
    Story story;
    const auto missing = story.send(Method::post, "/cancelPayment");
    CHECK(missing.status == 400);
    CHECK(missing.field("message").find("Idempotency-Key") != std::string::npos);
    // A client that lost its key must not be charged as if it had never meant to have one.
    for (const std::string& bad : {std::string(), std::string(256, 'k'), std::string("\xc3\xa9")}) {
        CHECK(story.send(Method::post, "/cancelPayment", {}, key(bad)).status == 400);
        CHECK(charge(story, bad, "100").status == 400);
        CHECK(story.get("/requestPayment?payment=100", key(bad)).status == 400);
    }
    for (const std::string amount :
         {"abc", "-1", "1.234", "1e99", "", "1000000000000", "NaN", "1,5"}) {
        CAPTURE(amount);
        const auto refused = story.get("/requestPayment?payment=" + amount);
        CHECK(refused.status == 400);
        CHECK(
            refused.field("errors").find("\"rejectedValue\":\"" + amount + "\"") !=
            std::string::npos
        );
        CHECK(charge(story, "bad", amount).status == 400);
    }
    CHECK(story.get("/requestPayment?payment=999999999999.99").body == "PAYMENT_COMPLETED");
    CHECK(story.get("/requestPayment?payment=0.01").body == "PAYMENT_COMPLETED");
    story.stop();
    CHECK(Sqlite(story.data_dir() + "/van.db").number("SELECT count(*) FROM ledger") == 0);
}

TEST_CASE("an open breaker answers keyless calls PAYMENT_FAILED at once, until a trial closes it") {
    Story story(nervous_breaker(700));
    CHECK(story.get("/requestPayment?payment=0").body == "PAYMENT_FAILED");
    CHECK(story.get("/requestPayment?payment=0").body == "PAYMENT_FAILED");
    const auto opened = std::chrono::steady_clock::now();
    CHECK(story.get("/requestPayment?payment=100").body == "PAYMENT_FAILED");
    CHECK(std::chrono::steady_clock::now() - opened < std::chrono::milliseconds(90));
    // The keyed calls have a breaker of their own.
    CHECK(charge(story, "k", "5").body == "PAYMENT_COMPLETED");
    CHECK(eventually([&] {
        return story.get("/requestPayment?payment=100").body == "PAYMENT_COMPLETED";
    }));
    CHECK(std::chrono::steady_clock::now() - opened >= std::chrono::milliseconds(600));
    CHECK(story.get("/requestPayment?payment=100").body == "PAYMENT_COMPLETED");
}

TEST_CASE("a trial that fails opens the breaker again") {
    Story story(nervous_breaker(400));
    story.get("/requestPayment?payment=0");
    story.get("/requestPayment?payment=0");
    // From the first call that takes its time again: the trial.
    REQUIRE(eventually([&] {
        const auto start = std::chrono::steady_clock::now();
        story.get("/requestPayment?payment=0");
        return std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(95);
    }));
    CHECK(story.get("/requestPayment?payment=100").body == "PAYMENT_FAILED");
    CHECK(eventually([&] {
        return story.get("/requestPayment?payment=100").body == "PAYMENT_COMPLETED";
    }));
}

TEST_CASE("an open breaker answers keyed calls 503 with Retry-After, known keys and cancels as ever"
) {
    Story story(nervous_breaker(60'000));
    CHECK(charge(story, "known", "5").body == "PAYMENT_COMPLETED");
    charge(story, "a", "0");
    charge(story, "b", "0");
    const auto refused = charge(story, "c", "5");
    CHECK(refused.status == 503);
    const auto seconds = std::stoi(refused.header("Retry-After"));
    CHECK(seconds >= 1);
    CHECK(seconds <= 60);
    CHECK(charge(story, "known", "5").body == "PAYMENT_COMPLETED");
    CHECK(cancel(story, "known").body == "PAYMENT_CANCELED");
    CHECK(cancel(story, "c").body == "PAYMENT_CANCELED");
    CHECK(story.get("/requestPayment?payment=5").body == "PAYMENT_COMPLETED");
}

TEST_CASE("payments wait while the keyed breaker is open, and complete when it closes") {
    Story story(nervous_breaker(1500));
    story.given_customer();
    story.given_book(10);
    charge(story, "a", "0");
    charge(story, "b", "0");
    const auto order = story.place_order(1, 1, 1);
    CHECK(story.order_becomes(order, "Shipped"));
    CHECK(story.of("/payments/1", "status") == "PAYMENT_REQUESTED");
    CHECK(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a drill by curl fails no customer's payment") {
    Story story(nervous_breaker(60'000));
    story.given_customer();
    story.given_book(10);
    for (int i = 0; i < 5; ++i) {
        story.get("/requestPayment?payment=0");
    }
    CHECK(story.get("/requestPayment?payment=9").body == "PAYMENT_FAILED");
    CHECK(story.payment_becomes(story.place_order(1, 1, 1), "PAYMENT_COMPLETED"));
}

TEST_CASE("a payment that hangs holds up no other") {
    Story story({"--breaker-timeout", "3000", "--van-hang", "9000"});
    story.given_customer();
    story.given_book(10);
    const auto hanging = story.place_order(1, 1, 1, "0");
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) {
        const auto order = story.place_order(1, 1, 1, "3.21");
        CHECK(story.payment_becomes(order, "PAYMENT_COMPLETED"));
        CHECK(story.order_becomes(order, "Shipped"));
    }
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(2500));
    CHECK(story.of("/payments/1", "status") == "PAYMENT_REQUESTED");
    CHECK(story.order_becomes(hanging, "Shipped"));
    CHECK(story.payment_becomes(hanging, "PAYMENT_FAILED"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("money is shown as the transcripts show it") {
    Story story;
    story.given_customer();
    story.given_book(100);
    const std::vector<std::pair<std::string, std::string>> amounts{
        {"1000.0", "1000.0"},
        {"1000", "1000.0"},
        {"12.5", "12.5"},
        {"12.50", "12.5"},
        {"12.34", "12.34"},
        {"0.05", "0.05"},
        {"1e3", "1000.0"},
        {"100000000", "100000000.0"},
        {"999999999999.99", "999999999999.99"}
    };
    std::int64_t id = 0;
    for (const auto& [sent, shown] : amounts) {
        CAPTURE(sent);
        story.place_order(1, 1, 1, sent);
        const auto field = fmt::format("\"payAmount\":{},", shown);
        CHECK(story.get(fmt::format("/orders/{}", ++id)).body.find(field) != std::string::npos);
    }
    const auto number = story.post(
        "/orders",
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"b","payAmount":1234567.89})"
    );
    CHECK(number.body.find("\"payAmount\":1234567.89,\"payType\":null") != std::string::npos);
    REQUIRE(story.payment_becomes(10, "PAYMENT_COMPLETED"));
    CHECK(
        story.get("/payments/search/findByOrderId?orderId=10")
            .body.find("\"amount\":1234567.89,") != std::string::npos
    );
    CHECK(
        story.events("Ordered").at(8).find("\"payAmount\":999999999999.99,") != std::string::npos
    );
    CHECK(story.ends_with() == "");
}
