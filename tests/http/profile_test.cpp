#include <doctest/doctest.h>
#include <fmt/format.h>

#include "story.hpp"

using namespace bookstore::test;

namespace {

const std::vector<std::string> collections{
    "customers",
    "myPages",
    "books",
    "stockInputs",
    "deliverables",
    "orders",
    "deliveries",
    "payments",
    "paymentHistories"
};

}  // namespace

TEST_CASE("every collection has an ALPS profile, found from its links") {
    Story story;
    const auto profiles = story.get("/profile");
    CHECK(profiles.status == 200);
    CHECK(profiles.header("Content-Type") == "application/alps+json;charset=UTF-8");
    CHECK(story.of("/", "_links.profile.href") == story.process().url() + "/profile");
    for (const std::string& collection : collections) {
        CAPTURE(collection);
        const std::string href = story.of("/" + collection, "_links.profile.href");
        CHECK(href == profiles.field(fmt::format("_links.{}.href", collection)));
        const auto profile = story.get(href.substr(story.process().url().size()));
        CHECK(profile.status == 200);
        CHECK(profile.header("Content-Type") == "application/alps+json;charset=UTF-8");
        CHECK(profile.field("alps.version") == "1.0");
    }
    CHECK(error_fault(story.get("/profile/nothing"), 404, "/profile/nothing") == "");
    CHECK(story.get("/profile", {{"Accept", "text/html"}}).status == 406);
}

TEST_CASE("a profile names the fields of its items, and what can be done with them") {
    Story story;
    story.given_customer();
    story.given_book(1);
    story.place_order(1, 1);
    const auto alps = story.get("/profile/orders").json().at("alps").at("descriptor").as_array();
    std::string fields;
    for (const auto& field : alps.at(0).at("descriptor").as_array()) {
        fields += std::string(field.at("id").as_string()) + " ";
    }
    std::string shown;
    const auto order = story.get("/orders/1").json().as_object();
    for (const auto& member : order) {
        if (member.key() != "_links") {
            shown += std::string(member.key()) + " ";
        }
    }
    CHECK(fields == shown);
    std::string transitions;
    for (std::size_t i = 1; i < alps.size(); ++i) {
        transitions +=
            fmt::format("{}:{} ", text_of(alps[i].at("id")), text_of(alps[i].at("type")));
    }
    CHECK(
        transitions ==
        "listOrders:safe getOrder:safe searchOrders:safe findByCustomerIdInOrders:safe "
        "placeOrder:unsafe cancelOrder:idempotent verifyOrder:unsafe "
    );
}

TEST_CASE("a profile is a JSON Schema to who prefers that, by which the items are valid") {
    Story story;
    story.given_customer();
    story.given_book(3);
    REQUIRE(story.order_becomes(story.place_order(1, 1), "Shipped"));
    story.put_in_stock(1, 1);
    for (const std::string& collection : collections) {
        CAPTURE(collection);
        const std::string target = "/profile/" + collection;
        const auto answer = story.get(target, {{"Accept", "application/schema+json"}});
        CHECK(answer.status == 200);
        CHECK(answer.header("Content-Type") == "application/schema+json");
        CHECK(answer.header("Vary") == "Accept");
        const std::string tag = answer.header("ETag");
        CHECK(tag != story.get(target).header("ETag"));
        CHECK(answer.body.find("$ref") == std::string::npos);
        CHECK(answer.field("$schema") == "https://json-schema.org/draft/2020-12/schema");
        const auto known =
            story.get(target, {{"Accept", "application/schema+json"}, {"If-None-Match", tag}});
        CHECK(known.status == 304);
        const auto schema = answer.json().as_object();
        for (const auto& item : story.get("/" + collection).items(collection)) {
            for (const auto& field : schema.at("properties").as_object()) {
                CHECK(item.contains(field.key()));
            }
            for (const auto& name : schema.at("required").as_array()) {
                CHECK(!item.at(name.as_string()).is_null());
            }
        }
    }
    const auto order = story.get("/profile/orders", {{"Accept", "application/schema+json"}}).json();
    CHECK(order.at("properties").at("orderStatus").at("readOnly") == true);
    CHECK(!order.at("properties").at("quantity").as_object().contains("readOnly"));
    for (const std::string type : {"text/html", "application/hal+json", "application/xml"}) {
        CHECK(story.get("/profile/orders", {{"Accept", type}}).status == 406);
    }
    CHECK(story.get("/profile", {{"Accept", "application/schema+json"}}).status == 406);
}

TEST_CASE("a process that hosts no collection has an empty list of profiles") {
    Story story({"--modules", "van"});
    const auto profiles = story.get("/profile");
    CHECK(profiles.status == 200);
    CHECK(profiles.field("alps.descriptor") == "[]");
    CHECK(profiles.field("_links.self.href") == story.process().url() + "/profile");
    CHECK(story.get("/").status == 200);
}
