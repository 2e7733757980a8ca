#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

namespace {

/// A target as it stands in a link, without the server's address.
std::string target_of(Story& story, const Answer& answer, const std::string& rel) {
    const std::string href = answer.field("_links." + rel + ".href");
    return href.starts_with(story.url()) ? href.substr(story.url().size()) : href;
}

/// "1 2 3": the ids on a page, from the self links.
std::string ids_on(const Answer& answer, const std::string& collection) {
    std::string ids;
    for (const auto& item : answer.items(collection)) {
        const std::string href(item.at("_links").at("self").at("href").as_string());
        ids += (ids.empty() ? "" : " ") + href.substr(href.rfind('/') + 1);
    }
    return ids;
}

std::string rels_of(const Answer& answer) {
    std::string rels;
    const auto body = answer.json().as_object();
    for (const auto& link : body.at("_links").as_object()) {
        rels += (rels.empty() ? "" : " ") + std::string(link.key());
    }
    return rels;
}

/// Follows `next` from that page on: "1 2|3 4|5".
std::string walk(
    Story& story, std::string target, const std::string& collection, const std::string& rel
) {
    std::string all;
    for (int pages = 0; target != "missing" && pages < 100; ++pages) {
        const auto answer = story.get(target);
        all += (all.empty() ? "" : "|") + ids_on(answer, collection);
        target = target_of(story, answer, rel);
    }
    return all;
}

void given_customers(Story& story, int count) {
    for (int i = 1; i <= count; ++i) {
        story.given_customer(fmt::format("customer {}", i));
    }
}

std::string numbers(const Answer& answer) {
    return fmt::format(
        "{} of {} in {} by {}",
        answer.field("page.number"),
        answer.field("page.totalElements"),
        answer.field("page.totalPages"),
        answer.field("page.size")
    );
}

}  // namespace

TEST_CASE("pages are walked by their links, forward and back") {
    Story story;
    given_customers(story, 7);
    CHECK(walk(story, "/customers?size=3", "customers", "next") == "1 2 3|4 5 6|7");
    CHECK(walk(story, "/customers?page=2&size=3", "customers", "prev") == "7|4 5 6|1 2 3");
    CHECK(walk(story, "/customers?size=7", "customers", "next") == "1 2 3 4 5 6 7");
    CHECK(walk(story, "/customers?size=1", "customers", "next") == "1|2|3|4|5|6|7");

    const auto middle = story.get("/customers?page=1&size=3");
    CHECK(numbers(middle) == "1 of 7 in 3 by 3");
    CHECK(rels_of(middle) == "first prev self next last profile");
    CHECK(target_of(story, middle, "first") == "/customers?page=0&size=3");
    CHECK(target_of(story, middle, "last") == "/customers?page=2&size=3");
    CHECK(target_of(story, middle, "self") == "/customers?page=1&size=3");
    CHECK(rels_of(story.get("/customers?size=3")) == "first self next last profile");
    CHECK(rels_of(story.get("/customers?page=2&size=3")) == "first prev self last profile");
    CHECK(rels_of(story.get("/customers")) == "self profile");
}

TEST_CASE("the plain collection's self is templated, and pages by 20") {
    Story story;
    given_customers(story, 21);
    const auto plain = story.get("/customers");
    CHECK(numbers(plain) == "0 of 21 in 2 by 20");
    CHECK(plain.items("customers").size() == 20);
    CHECK(target_of(story, plain, "self") == "/customers{?page,size,sort}");
    CHECK(plain.field("_links.self.templated") == "true");
    CHECK(ids_on(story.get(target_of(story, plain, "next")), "customers") == "21");
}

TEST_CASE("beyond the last page is an empty page that leads back") {
    Story story;
    given_customers(story, 3);
    const auto beyond = story.get("/customers?page=9&size=2");
    CHECK(beyond.status == 200);
    CHECK(ids_on(beyond, "customers").empty());
    CHECK(numbers(beyond) == "9 of 3 in 2 by 2");
    CHECK(ids_on(story.get(target_of(story, beyond, "prev")), "customers") == "3");
    CHECK(ids_on(story.get(target_of(story, beyond, "last")), "customers") == "3");
    const auto far = story.get("/customers?page=9007199254740991&size=1000");
    CHECK(far.status == 200);
    CHECK(ids_on(far, "customers").empty());
    const auto empty = story.get("/orders");
    CHECK(numbers(empty) == "0 of 0 in 0 by 20");
    CHECK(rels_of(empty) == "self profile search");
    CHECK(rels_of(story.get("/orders?page=4")) == "self profile search");
}

TEST_CASE("a size above 1000 gives 1000") {
    Story story;
    given_customers(story, 2);
    CHECK(numbers(story.get("/customers?size=5000")) == "0 of 2 in 1 by 1000");
    CHECK(numbers(story.get("/customers?size=9007199254740991")) == "0 of 2 in 1 by 1000");
}

TEST_CASE("descending pages begin with the newest") {
    Story story;
    given_customers(story, 5);
    CHECK(
        walk(story, "/customers?size=2&sort=customerId,desc", "customers", "next") == "5 4|3 2|1"
    );
    CHECK(walk(story, "/customers?size=2&sort=customerId,asc", "customers", "next") == "1 2|3 4|5");
    CHECK(walk(story, "/customers?size=2&sort=customerId", "customers", "next") == "1 2|3 4|5");
    const auto page = story.get("/customers?size=2&page=1&sort=customerId,desc");
    CHECK(target_of(story, page, "last") == "/customers?page=2&size=2&sort=customerId,desc");
    CHECK(ids_on(story.get(target_of(story, page, "last")), "customers") == "1");
}

TEST_CASE("sorts by another property: ties by id, in the same direction") {
    Story story;
    for (const std::string name : {"박", "김", "이", "김", "kim", "Kim", "김"}) {
        story.given_customer(name);
    }
    // In the order of code points.
    const std::string up = "6 5|2 4|7 1|3";
    const std::string down = "3 1|7 4|2 5|6";
    const std::string by_name = "/customers?size=2&sort=customerName";
    CHECK(walk(story, by_name, "customers", "next") == up);
    CHECK(walk(story, by_name + ",asc", "customers", "next") == up);
    CHECK(walk(story, by_name + ",desc", "customers", "next") == down);
    CHECK(walk(story, by_name + "&page=3", "customers", "prev") == "3|7 1|2 4|6 5");
    REQUIRE(story.del("/customers/4").status == 204);
    CHECK(walk(story, by_name, "customers", "next") == "6 5|2 7|1 3");
    REQUIRE(story.patch("/customers/5", R"({"customerName":"힣"})").status == 200);
    CHECK(walk(story, by_name, "customers", "next") == "6 2|7 1|3 5");

    for (const int stock : {5, 0, 5, 7}) {
        story.given_book(stock, "book " + std::to_string(9 - stock));
    }
    CHECK(walk(story, "/books?size=3&sort=stock", "books", "next") == "2 1 3|4");
    CHECK(walk(story, "/books?size=3&sort=stock,desc", "books", "next") == "4 3 1|2");
    CHECK(walk(story, "/books?size=3&sort=bookName", "books", "next") == "4 1 3|2");
    story.put_in_stock(2, 6);
    CHECK(walk(story, "/books?size=3&sort=stock", "books", "next") == "1 3 2|4");

    for (const int customer : {3, 1, 3, 2, 1}) {
        story.place_order(4, customer, 1);
    }
    const std::string by_customer = "/orders?size=2&sort=customerId";
    CHECK(walk(story, by_customer, "orders", "next") == "2 5|4 1|3");
    CHECK(walk(story, by_customer + ",desc", "orders", "next") == "3 1|4 5|2");
    const auto page = story.get(by_customer + "&page=1");
    CHECK(numbers(page) == "1 of 5 in 3 by 2");
    CHECK(target_of(story, page, "next") == "/orders?page=2&size=2&sort=customerId");
    const std::string finder = "/orders/search/findByCustomerId?customerId=3&sort=customerId,desc";
    CHECK(walk(story, finder, "orders", "next") == "3 1");
}

TEST_CASE("page, size and sort are given once") {
    Story story;
    story.given_customer();
    for (const std::string query :
         {"page=0&page=1", "size=1&size=1", "sort=customerId&sort=customerName"}) {
        CAPTURE(query);
        const auto answer = story.get("/customers?" + query);
        CHECK(error_fault(answer, 400, "/customers") == "");
        CHECK(answer.field("message").find("once") != std::string::npos);
    }
    CHECK(story.get("/orders/search/findByCustomerId?customerId=1&customerId=2").status == 400);
}

TEST_CASE("in id order pages are right across blocks of deleted ids") {
    Story story;
    // 2 blocks of 1024 ids and a bit; books 1000 to 1060 and every 7th are deleted.
    std::vector<int> left;
    for (int id = 1; id <= 2100; ++id) {
        story.given_book(id);
    }
    for (int id = 1; id <= 2100; ++id) {
        if (id % 7 == 0 || (id >= 1000 && id <= 1060)) {
            REQUIRE(story.del(fmt::format("/books/{}", id)).status == 204);
        } else {
            left.push_back(id);
        }
    }
    const auto total = static_cast<int>(left.size());
    for (const int size : {1, 20, 333}) {
        for (const int offset : {0, 800, 857, 858, 860, 900, 1700, total - 1}) {
            const int page = offset / size;
            for (const bool descending : {false, true}) {
                std::string expected;
                for (int i = page * size; i < std::min(total, (page + 1) * size); ++i) {
                    const int id = left[static_cast<std::size_t>(descending ? total - 1 - i : i)];
                    expected += (expected.empty() ? "" : " ") + std::to_string(id);
                }
                const std::string target = fmt::format(
                    "/books?page={}&size={}&sort=bookId,{}", page, size, descending ? "desc" : "asc"
                );
                CAPTURE(target);
                const auto answer = story.get(target);
                CHECK(ids_on(answer, "books") == expected);
                CHECK(answer.field("page.totalElements") == std::to_string(total));
            }
        }
    }
}

TEST_CASE("deleted customers and books are in no page and no total") {
    Story story;
    given_customers(story, 6);
    for (int i = 0; i < 6; ++i) {
        story.given_book(i);
    }
    for (const std::string id : {"1", "3", "6"}) {
        REQUIRE(story.del("/customers/" + id).status == 204);
        REQUIRE(story.del("/books/" + id).status == 204);
    }
    CHECK(walk(story, "/customers?size=2", "customers", "next") == "2 4|5");
    CHECK(walk(story, "/books?size=2", "books", "next") == "2 4|5");
    CHECK(walk(story, "/books?size=2&sort=bookId,desc", "books", "next") == "5 4|2");
    CHECK(numbers(story.get("/books?size=2")) == "0 of 3 in 2 by 2");
    CHECK(ids_on(story.get("/books?page=7&size=2"), "books").empty());
    story.given_book(9);
    CHECK(walk(story, "/books?size=2", "books", "next") == "2 4|5 7");
    story.restart();
    CHECK(walk(story, "/books?size=3", "books", "next") == "2 4 5|7");
    CHECK(walk(story, "/customers?size=10", "customers", "next") == "2 4 5");
}

TEST_CASE("every collection of an order's story pages by its links") {
    Story story;
    story.given_customer();
    story.given_book(100);
    for (int i = 0; i < 5; ++i) {
        story.place_order(1, 1, 1);
        story.put_in_stock(1, 1);
    }
    REQUIRE(eventually([&] { return story.of("/paymentHistories", "page.totalElements") == "5"; }));
    REQUIRE(eventually([&] { return story.of("/deliveries", "page.totalElements") == "5"; }));
    REQUIRE(eventually([&] { return story.of("/deliverables", "page.totalElements") == "5"; }));
    REQUIRE(eventually([&] { return story.of("/myPages", "page.totalElements") == "5"; }));
    const std::vector<std::pair<std::string, std::string>> sorts{
        {"orders", "orderId"},
        {"stockInputs", "id"},
        {"payments", "paymentId"},
        {"paymentHistories", "id"},
        {"deliveries", "id"},
        {"deliverables", "id"},
        {"myPages", "id"}
    };
    for (const auto& [collection, id] : sorts) {
        CAPTURE(collection);
        CHECK(walk(story, "/" + collection + "?size=2", collection, "next") == "1 2|3 4|5");
        const auto down = fmt::format("/{}?size=2&sort={},desc", collection, id);
        CHECK(walk(story, down, collection, "next") == "5 4|3 2|1");
    }
}

TEST_CASE("the finders by customer page like collections") {
    Story story;
    given_customers(story, 2);
    story.given_book(100);
    for (int i = 0; i < 7; ++i) {
        story.place_order(1, i % 3 == 0 ? 2 : 1, 1);
    }
    REQUIRE(eventually([&] { return story.of("/myPages", "page.totalElements") == "7"; }));
    for (const std::string collection : {"orders", "myPages"}) {
        CAPTURE(collection);
        const auto finder = fmt::format("/{}/search/findByCustomerId?customerId=1", collection);
        CHECK(walk(story, finder + "&size=3", collection, "next") == "2 3 5|6");
        CHECK(walk(story, finder + "&page=1&size=3", collection, "prev") == "6|2 3 5");
        const std::string id = collection == "orders" ? "orderId" : "id";
        CHECK(
            walk(story, finder + "&size=3&sort=" + id + ",desc", collection, "next") == "6 5 3|2"
        );
        const auto page = story.get(finder + "&size=3");
        CHECK(numbers(page) == "0 of 4 in 2 by 3");
        CHECK(rels_of(page) == "first self next last");
        CHECK(target_of(story, page, "self") == finder + "&size=3");
        CHECK(numbers(story.get(finder)) == "0 of 4 in 1 by 20");
        CHECK(target_of(story, story.get(finder), "self") == finder);
        CHECK(ids_on(story.get(finder + "&page=5"), collection).empty());
    }
}

TEST_CASE("the finders by order give one item, or a list without a page") {
    Story story;
    story.given_customer();
    story.given_book(100);
    story.place_order(1, 1, 1);
    const auto order = story.place_order(1, 1, 2);
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/myPages/2", "orderStatus", "Shipped"));
    REQUIRE(eventually([&] { return story.of("/paymentHistories", "page.totalElements") == "2"; }));
    for (const std::string finder :
         {"/deliverables/search/findByOrderId",
          "/deliveries/search/findFirstByOrderId",
          "/payments/search/findByOrderId"}) {
        const auto found = story.get(finder + "?orderId=2");
        CHECK(found.field("orderId") == "2");
        const auto self = target_of(story, found, "self");
        CHECK(story.get(self).body == found.body);
    }
    for (const std::string collection : {"myPages", "paymentHistories"}) {
        const auto found = story.get("/" + collection + "/search/findByOrderId?orderId=2");
        CHECK(found.items(collection).size() == 1);
        CHECK(found.field("page") == "missing");
        CHECK(rels_of(found) == "self");
        CHECK(
            target_of(story, found, "self") == "/" + collection + "/search/findByOrderId?orderId=2"
        );
    }
}

TEST_CASE("/search lists the finders, templated") {
    Story story;
    const std::vector<std::tuple<std::string, std::string, std::string>> table{
        {"deliverables", "findByOrderId", "{?orderId}"},
        {"deliveries", "findFirstByOrderId", "{?orderId}"},
        {"myPages", "findByOrderId", "{?orderId}"},
        {"myPages", "findByCustomerId", "{?customerId,page,size,sort}"},
        {"orders", "findByCustomerId", "{?customerId,page,size,sort}"},
        {"payments", "findByOrderId", "{?orderId}"},
        {"paymentHistories", "findByOrderId", "{?orderId}"}
    };
    for (const auto& [collection, finder, parameters] : table) {
        const auto search = story.get("/" + collection + "/search");
        CHECK(search.status == 200);
        CHECK(
            target_of(story, search, finder) ==
            fmt::format("/{}/search/{}{}", collection, finder, parameters)
        );
        CHECK(search.field("_links." + finder + ".templated") == "true");
        CHECK(target_of(story, search, "self") == "/" + collection + "/search");
        CHECK(
            target_of(story, story.get("/" + collection), "search") == "/" + collection + "/search"
        );
    }
}

TEST_CASE("the links of a page keep what else its query held, encoded") {
    Story story;
    given_customers(story, 3);
    const auto page =
        story.get("/customers?size=1&q=a%20b%26c%3Dd%22&%ED%95%9C=%ED%95%9C&raw=%FF%0A");
    const auto next = target_of(story, page, "next");
    CHECK(next == "/customers?q=a%20b%26c%3Dd%22&%ED%95%9C=%ED%95%9C&raw=%FF%0A&page=1&size=1");
    CHECK(ids_on(story.get(next), "customers") == "2");
    const auto raw = story.get("/customers?size=1&x=\xed\x95\x9c\xff");
    CHECK(target_of(story, raw, "self") == "/customers?size=1&x=%ED%95%9C%FF");
    auto proxied = bookstore::http::parse_url(story.url());
    proxied.target = story.url() + "/customers?size=1";
    const auto got = bookstore::http::fetch(Method::get, proxied);
    CHECK(target_of(story, {got.status, got.headers, got.body}, "self") == "/customers?size=1");
    CHECK(walk(story, "/customers?size=1&q=%25%2B%20", "customers", "next") == "1|2|3");
}

TEST_CASE("the links of an order lead to the rest of its story") {
    Story story;
    story.given_customer();
    story.given_book(1);
    const auto order = story.place_order(1, 1, 1);
    REQUIRE(story.order_becomes(order, "Shipped"));
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/myPages/1", "orderStatus", "Shipped"));
    const auto shown = story.get("/orders/1");
    CHECK(rels_of(shown) == "self order customer book delivery payment deliverable myPage");
    for (const std::string rel :
         {"self", "order", "customer", "book", "delivery", "payment", "deliverable", "myPage"}) {
        CAPTURE(rel);
        CHECK(story.get(target_of(story, shown, rel)).status == 200);
    }
}
