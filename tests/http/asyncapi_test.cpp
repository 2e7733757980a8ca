#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <string>
#include <vector>

#include "json_schema.hpp"
#include "story.hpp"

// GET /asyncapi.json: what it says of the events is true of those that were published. Its form is
// held against the specification's own schema by scripts/asyncapi.

using namespace bookstore::test;

namespace json = boost::json;

namespace {

/// What a "$ref" of the document leads to; null: nowhere.
const json::value* at(const json::value& document, std::string_view reference) {
    const json::value* place = &document;
    reference.remove_prefix(reference.starts_with("#/") ? 2 : 0);
    while (!reference.empty() && place != nullptr) {
        const auto slash = std::min(reference.find('/'), reference.size());
        place = place->is_object() ? place->as_object().if_contains(reference.substr(0, slash))
                                   : nullptr;
        reference.remove_prefix(std::min(slash + 1, reference.size()));
    }
    return place;
}

/// Every "$ref" below a value.
void collect_references(const json::value& value, std::vector<std::string>& into) {
    if (const auto* array = value.if_array()) {
        for (const auto& item : *array) {
            collect_references(item, into);
        }
    } else if (const auto* object = value.if_object()) {
        for (const auto& [name, member] : *object) {
            if (name == "$ref") {
                into.emplace_back(member.as_string());
            }
            collect_references(member, into);
        }
    }
}

std::set<std::string> texts(const json::value& array) {
    std::set<std::string> all;
    for (const auto& text : array.as_array()) {
        all.emplace(text.as_string());
    }
    return all;
}

/// One of every event that the story of a canceled, a paid and a failed order publishes.
std::vector<std::string> all_kinds_of_events(Story& story) {
    const auto customer = story.given_customer();
    const auto book = story.given_book(1);
    story.patch("/customers/1", R"({"customerName":"lee"})");
    const auto paid = story.place_order(book, customer);
    REQUIRE(story.payment_becomes(paid, "PAYMENT_COMPLETED"));
    const auto waiting = story.place_order(book, customer);
    REQUIRE(story.payment_becomes(waiting, "PAYMENT_COMPLETED"));
    story.cancel(waiting);
    REQUIRE(story.payment_becomes(waiting, "PAYMENT_CANCELED"));
    const auto failed = story.place_order(book, customer, 1, "0");
    story.put_in_stock(book, 5);
    REQUIRE(story.payment_becomes(failed, "PAYMENT_FAILED"));
    REQUIRE(story.order_becomes(failed, "Shipped"));
    REQUIRE(story.del("/books/1").status == 204);
    REQUIRE(story.del("/customers/1").status == 204);
    REQUIRE(story.published("PaymentFailed", 1));
    REQUIRE(story.published("Deleted", 1));
    return story.events();
}

}  // namespace

TEST_CASE("asyncapi: every reference leads somewhere, and every message is in the channel") {
    Story story;
    const auto document = story.get("/asyncapi.json").json();
    CHECK(document.at("asyncapi").as_string() == "3.0.0");
    std::vector<std::string> references;
    collect_references(document, references);
    CHECK(references.size() > 50);
    for (const std::string& reference : references) {
        CHECK_MESSAGE(at(document, reference) != nullptr, reference);
    }
    const auto& channel = document.at("channels").at("cnabookstore");
    CHECK(channel.at("address").as_string() == "cnabookstore");
    CHECK(
        channel.at("messages").as_object().size() ==
        document.at("components").at("messages").as_object().size()
    );
    CHECK(document.at("components").at("messages").as_object().size() == 13);
}

TEST_CASE("asyncapi: every published event is as its message says, key and fields in order too") {
    Story story(quick_van());
    const auto document = story.get("/asyncapi.json").json();
    const auto& messages = document.at("components").at("messages").as_object();
    std::set<std::string> seen;
    for (const std::string& line : all_kinds_of_events(story)) {
        const auto event = json::parse(line).as_object();
        const std::string type(event.at("eventType").as_string());
        seen.insert(type);
        REQUIRE_MESSAGE(messages.contains(type), type);
        const auto& schema = messages.at(type).at("payload").as_object();
        std::vector<std::string> declared;
        for (const auto& field : schema.at("required").as_array()) {
            declared.emplace_back(field.as_string());
        }
        std::vector<std::string> there;
        for (const auto& [name, value] : event) {
            there.emplace_back(name);
        }
        CHECK(there == declared);
        CHECK_MESSAGE(schema_faults(document, schema, event).empty(), type, ": ", line);
        const std::string key(messages.at(type).at("x-key").as_string());
        const std::string id = key.substr(key.find('{') + 1, key.find('}') - key.find('{') - 1);
        CHECK_MESSAGE(event.contains(id), type, " has no ", id);
    }
    CHECK(seen.size() == messages.size());
}

TEST_CASE("asyncapi: an example fits its own schema") {
    Story story;
    const auto document = story.get("/asyncapi.json").json();
    for (const auto& [type, message] : document.at("components").at("messages").as_object()) {
        for (const auto& example : message.at("examples").as_array()) {
            const auto faults =
                schema_faults(document, message.at("payload"), example.at("payload"));
            CHECK_MESSAGE(
                faults.empty(), fmt::format("{}: {}", std::string(type), fmt::join(faults, "; "))
            );
        }
    }
}

TEST_CASE("asyncapi: who sends and who receives is who does") {
    Story story;
    const auto document = story.get("/asyncapi.json").json();
    const auto& messages = document.at("components").at("messages").as_object();
    CHECK(texts(messages.at("Ordered").at("x-senders")) == std::set<std::string>{"order"});
    CHECK(
        texts(messages.at("Ordered").at("x-receivers")) ==
        std::set<std::string>{"customer", "inventory", "delivery", "payment"}
    );
    CHECK(
        texts(messages.at("Payed").at("x-receivers")) ==
        std::set<std::string>{"customer", "payment_history"}
    );
    CHECK(messages.at("Registered").at("x-receivers").as_array().empty());
    const auto& operations = document.at("operations").as_object();
    CHECK(operations.contains("order.send"));
    CHECK(operations.contains("payment_history.receive"));
    CHECK_FALSE(operations.contains("payment_history.send"));
    CHECK_FALSE(operations.contains("van.receive"));
}

TEST_CASE("the board is of all contexts, hosted here or not") {
    Story story({"--modules", "van"});
    const auto board = story.get("/board").json();
    std::string names;
    for (const auto& context : board.at("contexts").as_array()) {
        names += std::string(context.at("name").as_string()) + " ";
    }
    CHECK(names == "customer inventory order delivery payment payment_history van ");
}
