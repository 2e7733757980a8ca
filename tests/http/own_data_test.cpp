#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "story.hpp"
#include "support/sqlite_reader.hpp"
#include "support/tokens.hpp"

// What a customer sees, and what he does not.

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

/// A shop with tokens: customers 1 and 2 order in turn, 1 three times and 2 twice.
class Shop {
  public:
    Shop() : story(tokens.flags()) {
        for (const std::string name : {"kim", "lee"}) {
            REQUIRE(
                ask("customer-operator",
                    Method::post,
                    "/customers",
                    R"({"customerName":")" + name + "\"}")
                    .status == 201
            );
        }
        REQUIRE(
            ask("book-manager", Method::post, "/books", R"({"bookName":"DDD","stock":100})")
                .status == 201
        );
        for (const int customer : {1, 2, 1, 2, 1}) {
            REQUIRE(place(customer, customer).status == 201);
        }
        for (int order = 1; order <= 5; ++order) {
            REQUIRE(eventually([&] {
                return ask("customer-operator",
                           Method::get,
                           fmt::format("/paymentHistories/search/findByOrderId?orderId={}", order))
                               .items("paymentHistories")
                               .size() == 1 &&
                       ask("courier",
                           Method::get,
                           fmt::format("/deliveries/search/findFirstByOrderId?orderId={}", order))
                               .field("deliveryStatus") == "Shipped" &&
                       ask("customer-operator", Method::get, fmt::format("/myPages/{}", order))
                               .field("payStatus") == "PAYMENT_COMPLETED";
            }));
        }
    }

    Answer ask(
        const std::string& role,
        Method method,
        const std::string& target,
        const std::string& body = {},
        std::vector<Header> headers = {}
    ) {
        headers.push_back(tokens.header(role));
        return story.send(method, target, body, std::move(headers));
    }
    Answer get(int customer, const std::string& target, std::vector<Header> headers = {}) {
        return ask(customer_role(customer), Method::get, target, {}, std::move(headers));
    }
    Answer place(int as, int customer, std::vector<Header> headers = {}) {
        return ask(
            customer_role(as),
            Method::post,
            "/orders",
            fmt::format(
                R"({{"bookId":1,"customerId":{},"quantity":1,"deliveryAddress":"seoul","payAmount":5}})",
                customer
            ),
            std::move(headers)
        );
    }
    static std::string customer_role(int customer) { return fmt::format("customer {}", customer); }

    Tokens tokens;
    Story story;
};

/// The ids at the end of the items' own links.
std::string ids_of(const Answer& answer, const std::string& collection) {
    std::string ids;
    for (const auto& item : answer.items(collection)) {
        const auto href = text_of(item.at("_links").at("self").at("href"));
        ids += (ids.empty() ? "" : " ") + href.substr(href.rfind('/') + 1);
    }
    return ids;
}

struct Collection {
    std::string name;
    std::string sort;
};
const std::vector<Collection> collections{
    {"orders", "orderId"},
    {"myPages", "id"},
    {"payments", "paymentId"},
    {"paymentHistories", "id"},
};

}  // namespace

TEST_CASE("a customer's collections have what is his, with right totals, pages and links") {
    Shop shop;
    auto all = collections;
    all.push_back({"deliveries", "id"});
    for (const auto& [name, sort] : all) {
        CAPTURE(name);
        const auto whole = shop.get(1, "/" + name);
        CHECK(whole.status == 200);
        CHECK(whole.field("page.totalElements") == "3");
        CHECK(whole.header("Cache-Control") == "private");
        CHECK(whole.header("Vary").find("Authorization") != std::string::npos);
        const std::string ids = ids_of(whole, name);
        CHECK(ids_of(shop.get(2, "/" + name), name).size() == 3);  // two ids
        CHECK(shop.get(2, "/" + name).field("page.totalElements") == "2");
        CHECK(shop.get(3, "/" + name).field("page.totalElements") == "0");

        const auto page = shop.get(1, fmt::format("/{}?size=2&page=1&sort={},desc", name, sort));
        CHECK(page.field("page.totalPages") == "2");
        CHECK(ids_of(page, name) == ids.substr(0, 1));
        CHECK(page.field("_links.next.href") == "missing");
        const std::string prev = page.field("_links.prev.href");
        const auto first = shop.get(1, prev.substr(prev.find("/" + name)));
        CHECK(ids_of(first, name) == fmt::format("{} {}", ids.substr(4, 1), ids.substr(2, 1)));
        // Who serves all of them sees all of them.
        const std::string server = name == "deliveries" ? "courier" : "customer-operator";
        CHECK(shop.ask(server, Method::get, "/" + name).field("page.totalElements") == "5");
    }
    CHECK(ids_of(shop.get(1, "/orders"), "orders") == "1 3 5");
    CHECK(ids_of(shop.get(2, "/orders?sort=customerId"), "orders") == "2 4");
    CHECK(shop.get(1, "/payments?sort=customerId").status == 400);
}

TEST_CASE("a customer's finders find what is his; what is another's is not there") {
    Shop shop;
    const auto total = [&](int customer, const std::string& target) {
        return shop.get(customer, target).field("page.totalElements");
    };
    for (const std::string finder :
         {"/orders/search/findByCustomerId", "/myPages/search/findByCustomerId"}) {
        CHECK(total(1, finder + "?customerId=1") == "3");
        CHECK(total(1, finder + "?customerId=2") == "0");
        CHECK(total(2, finder + "?customerId=2") == "2");
        CHECK(total(2, finder + "?customerId=1&size=1&page=0") == "0");
    }
    const auto status = [&](int customer, const std::string& target) {
        return shop.get(customer, target).status;
    };
    CHECK(status(1, "/payments/search/findByOrderId?orderId=1") == 200);
    CHECK(status(2, "/payments/search/findByOrderId?orderId=1") == 404);
    CHECK(status(1, "/deliveries/search/findFirstByOrderId?orderId=1") == 200);
    CHECK(status(2, "/deliveries/search/findFirstByOrderId?orderId=1") == 404);
    const auto found = [&](int customer, const std::string& collection) {
        return shop.get(customer, "/" + collection + "/search/findByOrderId?orderId=1")
            .items(collection)
            .size();
    };
    CHECK(found(1, "myPages") == 1);
    CHECK(found(2, "myPages") == 0);
    CHECK(found(1, "paymentHistories") == 1);
    CHECK(found(2, "paymentHistories") == 0);
}

TEST_CASE("another's item is not there, by whatever method, and does not say that it is") {
    Shop shop;
    for (const std::string collection :
         {"orders", "myPages", "payments", "paymentHistories", "deliveries"}) {
        const std::string server = collection == "deliveries" ? "courier" : "customer-operator";
        for (int id = 1; id <= 5; ++id) {
            const std::string target = fmt::format("/{}/{}", collection, id);
            CAPTURE(target);
            const auto seen = shop.ask(server, Method::get, target);
            REQUIRE(seen.status == 200);
            const bool of_first = shop.get(1, target).status == 200;
            CHECK((shop.get(2, target).status == 200) != of_first);
            const int other = of_first ? 2 : 1;
            const auto hidden = shop.get(other, target);
            const auto nowhere = shop.get(other, fmt::format("/{}/999", collection));
            CHECK(hidden.status == 404);
            CHECK(hidden.headers.size() == nowhere.headers.size());
            // Nor does a tag that he has seen elsewhere tell him.
            const std::string tag = seen.header("ETag");
            CHECK(shop.get(other, target, {{"If-None-Match", tag}}).status == 404);
            CHECK(shop.get(other, target, {{"If-None-Match", "*"}}).status == 404);
            CHECK(shop.get(other, target, {{"If-Match", tag}}).status == 404);
            CHECK(shop.get(other, target, {{"If-Match", "\"0\""}}).status == 404);
        }
    }
    const std::string tag = shop.get(1, "/orders/1").header("ETag");
    const auto as =
        [&](int customer, Method method, const std::string& target, std::vector<Header> headers = {}
        ) {
            return shop.ask(Shop::customer_role(customer), method, target, {}, std::move(headers));
        };
    CHECK(as(2, Method::del, "/orders/1").status == 404);
    CHECK(as(2, Method::del, "/orders/1", {{"If-Match", tag}}).status == 404);
    CHECK(as(2, Method::del, "/orders/1", {{"If-Match", "\"0\""}}).status == 404);
    CHECK(as(2, Method::post, "/orders/1/verification").status == 404);
    CHECK(as(1, Method::post, "/orders/1/verification").status == 409);
    CHECK(as(1, Method::del, "/orders/1").status == 409);  // it is shipped
    CHECK(as(2, Method::head, "/orders/1").status == 404);
}

TEST_CASE("an order is placed for oneself") {
    Shop shop;
    const auto refused = shop.place(2, 1);
    CHECK(refused.status == 403);
    CHECK(refused.json().at("errors").at(0).at("field").as_string() == "customerId");
    CHECK(refused.body.find("must be 2, the customer whom the token names") != std::string::npos);
    CHECK(shop.get(1, "/orders").field("page.totalElements") == "3");
    CHECK(shop.place(2, 2).status == 201);
    CHECK(shop.get(2, "/orders").field("page.totalElements") == "3");
}

TEST_CASE("an Idempotency-Key is one's own") {
    Shop shop;
    const std::vector<Header> key{{"Idempotency-Key", "k-1"}};
    const auto first = shop.place(1, 1, key);
    REQUIRE(first.status == 201);
    CHECK(shop.place(1, 1, key).body == first.body);
    const auto other = shop.place(2, 2, key);
    CHECK(other.status == 201);
    CHECK(other.body != first.body);
    CHECK(other.field("customerId") == "2");
    CHECK(shop.place(2, 2, key).body == other.body);
    CHECK(shop.place(2, 1, key).status == 422);
    CHECK(shop.place(3, 1, key).status == 403);
    CHECK(shop.get(1, "/orders").field("page.totalElements") == "4");
}

TEST_CASE("a shop from before whose things were known learns it out of the log, once") {
    Shop shop;
    shop.story.stop();
    // As the first release left its files, but for the columns.
    for (const std::string context : {"delivery", "payment", "payment_history"}) {
        Sqlite db(shop.story.data_dir() + "/" + context + ".db", Sqlite::Mode::write);
        db.run("UPDATE " + context + " SET customer_id = NULL, nth_of_customer = NULL");
        db.run("INSERT INTO unfilled VALUES ('customers')");
        if (context == "payment_history") {
            db.run("DELETE FROM customer_of_order");
        }
    }
    shop.story.start(shop.tokens.flags());
    for (const std::string collection : {"deliveries", "payments", "paymentHistories"}) {
        CAPTURE(collection);
        CHECK(shop.get(1, "/" + collection).field("page.totalElements") == "3");
        CHECK(shop.get(2, "/" + collection).field("page.totalElements") == "2");
    }
    CHECK(shop.place(1, 1).status == 201);
    CHECK(eventually([&] {
        return shop.get(1, "/paymentHistories").field("page.totalElements") == "4";
    }));
    CHECK(shop.story.log().find("filling in customers") != std::string::npos);
    shop.story.restart(shop.tokens.flags());
    CHECK(shop.story.log().find("filling in") == std::string::npos);
}

TEST_CASE("a shop that had no doors learns whose things are when it gets them, and again") {
    const Tokens tokens;
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(100);
    const auto settled = [&](std::int64_t order) {
        return eventually([&] {
            return story.get("/paymentHistories", {tokens.header("customer-operator")})
                       .field("page.totalElements") == fmt::to_string(order);
        });
    };
    const auto seen = [&] {
        std::string totals;
        for (const std::string collection :
             {"orders", "deliveries", "payments", "paymentHistories"}) {
            totals += story.get("/" + collection, {tokens.header("customer 1")})
                          .field("page.totalElements");
        }
        return totals;
    };
    REQUIRE(customer == 1);
    story.place_order(book, customer);
    story.place_order(book, customer);
    REQUIRE(settled(2));
    story.restart(tokens.flags());
    CHECK(seen() == "2222");
    story.restart();
    story.place_order(book, customer);
    REQUIRE(settled(3));
    story.restart(tokens.flags());
    CHECK(seen() == "3333");
    CHECK(story.ends_with() == "");
}

TEST_CASE("a rebuilt payment history is its customers' still") {
    Shop shop;
    REQUIRE(shop.ask("operator", Method::post, "/rebuilds/payment-history").status == 202);
    REQUIRE(eventually([&] {
        return shop.ask("operator", Method::get, "/rebuilds/payment-history").field("state") ==
               "done";
    }));
    CHECK(shop.get(1, "/paymentHistories").field("page.totalElements") == "3");
    CHECK(shop.get(2, "/paymentHistories").field("page.totalElements") == "2");
}
