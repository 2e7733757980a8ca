#include "app/check_contexts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "app/boards.hpp"
#include "check/check.hpp"
#include "check/pending.hpp"
#include "kernel/module.hpp"
#include "modules/order/events.hpp"
#include "support/temporary_directory.hpp"
#include "support/virtual_time.hpp"

using namespace bookstore;

// The check asks for what the table of contexts says.

namespace {

/// A context that the bookstore does not have. It has nothing but what the bus keeps.
kernel::Context shelf() {
    return {
        .name = "shelf",
        .holds = "what stands where",
        .install =
            [](kernel::Module& module, kernel::Wiring&) {
                module.policies("shelves").whenever<order::Ordered>(
                    "make room", bus::Effect::replayable, [](const auto&, bus::UnitOfWork&) {}
                );
            },
        .tables = {{"held", "held events"}},
        .check =
            [](const check::ContextView& view) {
                const check::Follower& shelves = view.pending.follower("shelf", "shelves");
                view.findings.add("{} stands at {}", view.context, shelves.cursor);
            }
    };
}

host::Contexts eight_contexts() {
    host::Contexts contexts = app::contexts();
    contexts.push_back(shelf());
    return contexts;
}

/// What a process with these contexts would have made there, and left.
void start_and_end(const host::Contexts& contexts, const std::string& path) {
    const test::VirtualClock clock;
    test::SeededRandom random(1);
    const host::System system(contexts, {.data_dir = path}, clock, random, [](std::size_t) {});
}

}  // namespace

TEST_CASE("boards say what every context declares, though none is hosted") {
    const auto boards = app::boards(app::contexts());
    REQUIRE_EQ(boards.size(), app::contexts().size());
    const auto order = std::ranges::find(boards, "order", &kernel::Board::context);
    REQUIRE(order != boards.end());
    CHECK_EQ(order->needs, std::vector<std::string>{"customer", "inventory"});
    CHECK_EQ(order->publishes.size(), 2);
    CHECK_EQ(order->policies.size(), 2);
}

TEST_CASE("the check is told which events each context follows and publishes") {
    const auto files = app::check_contexts(eight_contexts());
    REQUIRE_EQ(files.size(), 8);
    CHECK_EQ(files[0].name, "customer");
    REQUIRE_EQ(files[0].subscriptions.size(), 1);
    CHECK_EQ(files[0].subscriptions[0].name, "my-page");
    CHECK_EQ(files[0].subscriptions[0].types.size(), 7);
    REQUIRE_EQ(files[0].publishes.size(), 3);
    CHECK_EQ(files[0].publishes[0].type, "Registered");
    CHECK_EQ(files[0].publishes[0].key_kind, "customer");
    CHECK_EQ(files[7].name, "shelf");
    REQUIRE_EQ(files[7].subscriptions.size(), 1);
    CHECK_EQ(files[7].subscriptions[0].types, std::vector<std::string>{"Ordered"});
}

TEST_CASE("the file of a context that is new in the table is expected, and checked") {
    const test::TemporaryDirectory directory;
    const auto contexts = app::check_contexts(eight_contexts());
    start_and_end(app::contexts(), directory.path());
    const auto without = check::check({.contexts = contexts, .data_dirs = {directory.path()}});
    REQUIRE_EQ(without.not_compared.size(), 1);
    CHECK_EQ(without.not_compared[0], "shelf.db is elsewhere: nothing of it was compared");
    start_and_end(eight_contexts(), directory.path());
    const auto report = check::check({.contexts = contexts, .data_dirs = {directory.path()}});
    CHECK_EQ(report.violations, std::vector<std::string>{"shelf stands at 0"});
}

TEST_CASE("an event of a type that the check does not know is awaited by who follows it") {
    check::Log log;
    const auto type = static_cast<check::Type>(
        static_cast<std::uint16_t>(check::Type::unknown) + log.other_types.number_of("Lent")
    );
    CHECK(log.type_of("Lent") == type);
    CHECK(log.type_of("Returned") == check::Type::unknown);
    check::Follower follower{.context = "shelf", .subscription = "shelves", .types = {}};
    follower.types.set(static_cast<std::size_t>(type));
    follower.cursor = 4;
    follower.held[2] = 3;
    check::Pending pending;
    pending.followers.push_back(follower);
    CHECK_FALSE(pending.awaited({.order = 1, .position = 4, .subject = 0, .type = type, .status = 0}
    ));
    CHECK(pending.awaited({.order = 1, .position = 5, .subject = 0, .type = type, .status = 0}));
    CHECK(pending.awaited({.order = 2, .position = 4, .subject = 0, .type = type, .status = 0}));
    const check::Type other = check::Type::payed;
    CHECK_FALSE(
        pending.awaited({.order = 1, .position = 5, .subject = 0, .type = other, .status = 0})
    );
}
