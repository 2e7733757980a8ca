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

TEST_CASE("a process that hosts no collection has an empty list of profiles") {
    Story story({"--modules", "van"});
    const auto profiles = story.get("/profile");
    CHECK(profiles.status == 200);
    CHECK(profiles.field("alps.descriptor") == "[]");
    CHECK(profiles.field("_links.self.href") == story.process().url() + "/profile");
    CHECK(story.get("/").status == 200);
}
