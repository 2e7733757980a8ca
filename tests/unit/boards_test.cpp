#include "app/boards.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "app/contexts.hpp"
#include "kernel/board_text.hpp"
#include "support/text_file.hpp"

// The board that the contexts declare is that of the contract (domain.md), and what is drawn from
// it is it.

namespace bookstore::test {
namespace {

const std::vector<kernel::Board>& all_boards() {
    static const auto boards = app::boards(app::contexts());
    return boards;
}

const kernel::Board& board(std::string_view context) {
    return *std::ranges::find(all_boards(), context, &kernel::Board::context);
}

/// "Ordered: charge; OrderCanceled: refund"
std::string policies_of(std::string_view context) {
    std::string all;
    for (const auto& policy : board(context).policies) {
        for (const std::string& type : policy.whenever) {
            all += (all.empty() ? "" : "; ") + type + ": " + policy.sentence;
        }
    }
    return all;
}

std::string published_by(std::string_view context) {
    std::string all;
    for (const auto& event : board(context).publishes) {
        all += (all.empty() ? "" : " ") + event.type;
    }
    return all;
}

}  // namespace

TEST_CASE("each context publishes the contract's events") {
    CHECK(published_by("customer") == "Registered Changed Deleted");
    CHECK(
        published_by("inventory") ==
        "BookRegistered BookDeleted InventoryIncreased DeliveryPrepared"
    );
    CHECK(published_by("order") == "Ordered OrderCanceled");
    CHECK(published_by("delivery") == "DeliveryStatusChanged");
    CHECK(published_by("payment") == "Payed PaymentFailed PaymentCanceled");
    CHECK(published_by("payment_history").empty());
    CHECK(published_by("van").empty());
}

TEST_CASE("each context reacts as the contract has it") {
    CHECK(
        policies_of("inventory") ==
        "Ordered: take stock or wait; OrderCanceled: return stock, serve who waits"
    );
    CHECK(policies_of("payment") == "Ordered: charge what is to be paid; OrderCanceled: refund");
    CHECK(
        policies_of("order") ==
        "DeliveryPrepared: mark it prepared; DeliveryStatusChanged: follow the delivery"
    );
    CHECK(
        policies_of("delivery") ==
        "Ordered: create the delivery; DeliveryPrepared: ship it; OrderCanceled: cancel it, or "
        "recall it"
    );
    CHECK(policies_of("customer").empty());
    CHECK(board("customer").read_models.at(0).name == "my-page");
    CHECK(board("customer").read_models.at(0).whenever.size() == 7);
    CHECK(board("payment_history").read_models.at(0).whenever.size() == 3);
    CHECK(board("order").needs == std::vector<std::string>{"customer", "inventory"});
    CHECK(board("payment").needs == std::vector<std::string>{"van"});
}

TEST_CASE("an event's example is one of its kind, with the contract's key") {
    std::map<std::string, std::string> keys;
    for (const kernel::Board& one : all_boards()) {
        for (const kernel::PublishedEvent& event : one.publishes) {
            const auto example = boost::json::parse(event.example).as_object();
            CHECK(example.at("eventType").as_string() == std::string_view(event.type));
            CHECK(example.contains(event.key_kind + "Id"));
            CHECK(example.size() == event.fields.size() + 3);
            keys[event.key_kind] += " " + event.type;
        }
    }
    CHECK(keys["customer"] == " Registered Changed Deleted");
    CHECK(keys["book"] == " BookRegistered BookDeleted InventoryIncreased");
}

TEST_CASE("no type is published by two contexts, and what is waited for is published") {
    std::set<std::string> types;
    for (const kernel::Board& one : all_boards()) {
        for (const kernel::PublishedEvent& event : one.publishes) {
            CHECK_MESSAGE(types.insert(event.type).second, event.type);
        }
    }
    for (const kernel::Board& one : all_boards()) {
        for (const auto& policy : one.policies) {
            for (const std::string& type : policy.whenever) {
                CHECK_MESSAGE(types.contains(type), type);
            }
        }
    }
}

TEST_CASE("the diagrams of the documents are what `bookstore describe --format mermaid` prints") {
    const std::string drawn = "```mermaid\n" + kernel::board_mermaid(all_boards()) + "```\n";
    for (const char* document : {"README.md", "README.ko.md"}) {
        const std::string text = text_of_file(std::string(PROJECT_ROOT) + "/" + document);
        CHECK_MESSAGE(text.find(drawn) != std::string::npos, document, " draws another board");
    }
}

TEST_CASE("the console has a text of its own for what the shipped contexts declare") {
    const std::string texts = text_of_file(std::string(PROJECT_ROOT) + "/web/console_i18n.js");
    const auto in_both_languages = [&](const std::string& key) {
        const std::string quoted = "\"" + key + "\":";
        const auto first = texts.find(quoted);
        return first != std::string::npos && texts.find(quoted, first + 1) != std::string::npos;
    };
    for (const kernel::Board& one : all_boards()) {
        CHECK_MESSAGE(in_both_languages("context." + one.context), one.context);
        for (const auto& command : one.commands) {
            CHECK_MESSAGE(in_both_languages("command." + command.id), command.id);
        }
        for (const auto& policy : one.policies) {
            CHECK_MESSAGE(in_both_languages("policy." + policy.sentence), policy.sentence);
        }
        for (const auto& model : one.read_models) {
            CHECK_MESSAGE(in_both_languages("readModel." + model.name), model.name);
        }
    }
}

}  // namespace bookstore::test
