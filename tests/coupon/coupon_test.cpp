#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "http/story.hpp"
#include "support/text_file.hpp"

// The context of docs/adding-a-context.md, in a bookstore of eight contexts: everything that is
// derived from the table of contexts knows it.

using namespace bookstore::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// An order is delivered to that customer. Returns its id.
std::int64_t deliver(Story& story, std::int64_t book, std::int64_t customer) {
    const std::int64_t order = story.place_order(book, customer);
    REQUIRE(story.order_becomes(order, "Shipped"));
    const auto found =
        story.get(fmt::format("/deliveries/search/findFirstByOrderId?orderId={}", order));
    const std::string self = found.field("_links.self.href");
    const auto moved =
        story.patch(self.substr(self.find("/deliveries")), R"({"deliveryStatus":"Delivered"})");
    REQUIRE(moved.status == 200);
    return order;
}

void execute(const std::string& path, const char* sql) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
}

/// With a customer and a book.
struct Shop : Story {
    explicit Shop(std::vector<std::string> flags = {}) : Story(std::move(flags)) {}
    std::int64_t customer = given_customer();
    std::int64_t book = given_book(100);
};

}  // namespace

TEST_CASE("coupon: whoever gets a delivery gets a coupon, once an order") {
    Shop shop;
    const std::int64_t order = deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.published("CouponIssued", 1));
    const auto coupon = shop.get("/coupons/1");
    CHECK(coupon.status == 200);
    CHECK(coupon.field("orderId") == std::to_string(order));
    CHECK(coupon.field("customerId") == std::to_string(shop.customer));
    CHECK(contains(coupon.field("_links.coupon.href"), "/coupons/1"));
    CHECK(contains(shop.event("CouponIssued"), R"("couponId":1,"orderId":1,"customerId":1)"));

    // Returned, and delivered again: it has its coupon.
    REQUIRE(shop.patch("/deliveries/1", R"({"deliveryStatus":"Returned"})").status == 200);
    REQUIRE(shop.patch("/deliveries/1", R"({"deliveryStatus":"Delivered"})").status == 200);
    deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.published("CouponIssued", 2));
    CHECK(shop.count("CouponIssued") == 2);
    CHECK(shop.of("/coupons", "page.totalElements") == "2");
    const auto found = shop.get("/coupons/search/findByCustomerId?customerId=1&size=1");
    CHECK(found.items("coupons").size() == 1);
    CHECK(found.field("page.totalElements") == "2");
    CHECK(shop.get("/coupons/3").status == 404);
    CHECK(shop.get("/coupons/search/findByCustomerId").status == 400);
}

TEST_CASE("coupon: its read model is rebuilt from the events, and comes out the same") {
    Shop shop;
    deliver(shop, shop.book, shop.customer);
    deliver(shop, shop.book, shop.customer);
    const std::string balance = "/couponBalances/search/findByCustomerId?customerId=1";
    REQUIRE(shop.becomes(balance, "coupons", "2"));
    const std::string before = shop.get(balance).body;
    CHECK(shop.post("/rebuilds/coupon-balance").status == 202);
    CHECK(shop.becomes("/rebuilds/coupon-balance", "state", "done"));
    CHECK(shop.get("/couponBalances/1").status == 200);
    shop.stop();
    const auto rebuilt =
        run_bookstore({"rebuild", "coupon-balance", "--data-dir", shop.data_dir()});
    CHECK(rebuilt.status == 0);
    CHECK(contains(rebuilt.out, "coupon-balance was rebuilt"));
    shop.start();
    CHECK(shop.becomes(balance, "coupons", "2"));
    CHECK(
        before.substr(0, before.find("_links")) ==
        shop.get(balance).body.substr(0, before.find("_links"))
    );
}

TEST_CASE("coupon: stopped, it loses nothing; started, it catches up; so does a new process") {
    Shop shop;
    REQUIRE(shop.post("/modules/coupon/stop").field("state") == "STOPPED");
    CHECK(shop.get("/coupons").status == 503);
    deliver(shop, shop.book, shop.customer);
    CHECK(shop.of("/actuator/health/coupon", "status") == "STOPPED");
    REQUIRE(shop.post("/modules/coupon/start").status == 200);
    CHECK(shop.becomes("/coupons", "page.totalElements", "1"));
    shop.process().kill();
    shop.start({"--stopped", "coupon"});
    deliver(shop, shop.book, shop.customer);
    shop.restart();
    CHECK(shop.becomes("/coupons", "page.totalElements", "2"));
}

TEST_CASE("coupon: the API, the events, the board and the metrics describe it") {
    Shop shop;
    deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.published("CouponIssued", 1));
    CHECK(shop.get("/openapi.json").json().at("paths").as_object().contains("/coupons/{id}"));
    CHECK(contains(shop.get("/").body, "/coupons{?page,size,sort}"));
    CHECK(shop.get("/profile/coupons").status == 200);
    const auto events = shop.get("/asyncapi.json").json();
    const auto& message = events.at("components").at("messages").at("CouponIssued").as_object();
    CHECK(message.at("x-senders").at(0).as_string() == "coupon");
    CHECK(message.at("x-receivers").at(0).as_string() == "coupon");
    const auto& changed =
        events.at("components").at("messages").at("DeliveryStatusChanged").as_object();
    CHECK(contains(
        std::string(changed.at("description").as_string()), "issue a coupon for what was delivered"
    ));
    const auto board = shop.get("/board").json();
    const auto& coupon = board.at("contexts").as_array().back().as_object();
    CHECK(coupon.at("name").as_string() == "coupon");
    CHECK(coupon.at("policies").as_array().size() == 2);
    CHECK(coupon.at("readModels").at(0).at("name").as_string() == "coupon-balance");
    const std::string metrics = shop.get("/metrics").body;
    CHECK(contains(metrics, R"(bookstore_events_total{type="CouponIssued"} 1)"));
    CHECK(contains(metrics, R"(bookstore_module_state{module="coupon",state="running"} 1)"));
    CHECK(contains(metrics, R"(bookstore_component_up{component="relay"} 1)"));
    const auto described = run_bookstore({"describe", "--format", "mermaid"});
    CHECK(contains(described.out, "delivery ==>|DeliveryStatusChanged| coupon\n"));
}

TEST_CASE("coupon: an order's timeline shows what it did") {
    Shop shop;
    const std::int64_t order = deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.published("CouponIssued", 1));
    REQUIRE(shop.becomes("/couponBalances/1", "coupons", "1"));
    const std::string timeline = shop.get(fmt::format("/trace/orders/{}", order)).body;
    CHECK(contains(timeline, R"("kind":"event","name":"CouponIssued","context":"coupon")"));
    CHECK(contains(timeline, "coupon handled DeliveryStatusChanged"));
    CHECK(contains(timeline, "coupon-balance handled CouponIssued"));
}

TEST_CASE("coupon: a backup has its file, and nothing is wrong with the directory") {
    Shop shop;
    deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.published("CouponIssued", 1));
    const TemporaryDirectory place;
    const std::string copy = place.path() + "/copy";
    REQUIRE(run_bookstore({"backup", copy, "--url", shop.process().url()}).status == 0);
    CHECK(std::ifstream(copy + "/coupon.db").good());
    shop.stop();
    for (const std::string& directory : {copy, shop.data_dir()}) {
        const auto checked = run_bookstore({"check", "--data-dir", directory});
        CHECK_MESSAGE(checked.status == 0, checked.out, checked.error);
    }
}

TEST_CASE("coupon: the check finds what is wrong with its file") {
    Shop shop;
    deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.becomes("/couponBalances/1", "coupons", "1"));
    shop.stop();
    const auto found_after = [&](const char* sql) {
        execute(shop.data_dir() + "/coupon.db", sql);
        const auto checked = run_bookstore({"check", "--data-dir", shop.data_dir()});
        CHECK(checked.status == 1);
        return checked.out;
    };
    CHECK(contains(
        found_after("UPDATE coupon SET customer_id = 2"), "coupon 1 is not of its order's customer"
    ));
    CHECK(contains(found_after("UPDATE coupon SET customer_id = 1, id = 2"), "coupons: 1 of them"));
    CHECK(contains(
        found_after("UPDATE coupon SET id = 1; DELETE FROM outbox; "
                    "UPDATE subscription SET position = 1000000 WHERE name = 'coupon'"),
        "beyond the topic's end"
    ));
}

TEST_CASE("coupon: a bookstore without it goes on after one with it, and it catches up later") {
    Shop shop;
    deliver(shop, shop.book, shop.customer);
    REQUIRE(shop.published("CouponIssued", 1));
    shop.restart({"--modules", "customer,inventory,order,delivery,payment,payment_history,van"});
    CHECK(shop.get("/coupons").status == 404);
    deliver(shop, shop.book, shop.customer);
    shop.restart();
    CHECK(shop.becomes("/coupons", "page.totalElements", "2"));
}

TEST_CASE("coupon: its document quotes the very code that is compiled") {
    const std::string root = PROJECT_ROOT;
    const std::string document = text_of_file(root + "/docs/adding-a-context.md");
    REQUIRE_FALSE(document.empty());
    for (const char* file :
         {"migrations/coupon/0001_create_coupon.sql",
          "events.hpp",
          "coupon.hpp",
          "policies.hpp",
          "policies.cpp",
          "module.hpp",
          "module.cpp",
          "main.cpp"}) {
        const std::string code = text_of_file(root + "/examples/coupon/" + file);
        REQUIRE_FALSE(code.empty());
        CHECK_MESSAGE(contains(document, code), file, " is not quoted as it is");
    }
}
