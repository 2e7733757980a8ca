#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "bus/policies.hpp"
#include "support/bus_fixture.hpp"

// What a context declares of its events, and what happens to it that does otherwise.

namespace bookstore::test {
namespace {

/// Nobody has declared to publish it.
struct Undeclared {
    static constexpr std::string_view event_type = "Undeclared";
    std::int64_t order_id = 0;
    Key key() const { return {"order", order_id}; }
};
BOOST_DESCRIBE_STRUCT(Undeclared, (), (order_id))

struct PoliciesFixture : BusFixture {
    PoliciesFixture() {
        given_modules("shop depot");
        open();
    }
    /// A subscription of "depot" whose handler of Noted publishes an E.
    template <class E>
    void given_a_publisher(bus::Effect effect) {
        bus::Policies policies("publisher");
        policies.whenever<Noted>("publish", effect, [](const Noted& noted, bus::UnitOfWork& work) {
            E event;
            event.order_id = noted.order_id;
            work.publish(event);
        });
        auto subscription = subscribed(std::move(policies), module("depot"), {.attempts = 1});
        subscription->start();
        module("depot").subscriptions.push_back(std::move(subscription));
    }
    bus::HeldTable::Counts held_now() {
        const storage::Reader reader = module("depot").database->read();
        return subscription("publisher").held().counts(*reader);
    }
    std::string why_held() {
        const storage::Reader reader = module("depot").database->read();
        return reader->query_text("SELECT error FROM held").value_or("");
    }
};

}  // namespace

TEST_CASE_FIXTURE(PoliciesFixture, "what a module declared to publish is published") {
    given_a_publisher<Copied>(bus::Effect::durable);
    published("shop", "5:a");
    settled();
    CHECK(in_topic("Copied") == "5:");
    CHECK(held_now().held == 0);
}

TEST_CASE_FIXTURE(PoliciesFixture, "an event that its module did not declare is not published") {
    given_a_publisher<Undeclared>(bus::Effect::durable);
    published("shop", "5:a");
    settled();
    CHECK(topic_events().size() == 1);
    CHECK(held_now().parked == 1);
    CHECK(why_held() == "depot publishes Undeclared, which it has not declared to publish");
}

TEST_CASE_FIXTURE(
    PoliciesFixture, "a handler that was declared to leave replayable effects alone cannot publish"
) {
    given_a_publisher<Copied>(bus::Effect::replayable);
    published("shop", "5:a 6:b");
    settled();
    CHECK(topic_events().size() == 2);
    CHECK(held_now().parked == 2);
    CHECK(why_held().find("declared to leave replayable effects alone") != std::string::npos);
}

TEST_CASE("a subscription has one policy for a type") {
    bus::Policies policies("twice");
    const auto nothing = [](const Noted&, bus::UnitOfWork&) {};
    policies.whenever<Noted>("do this", bus::Effect::durable, nothing);
    CHECK_THROWS_AS(
        policies.whenever<Noted>("do that", bus::Effect::durable, nothing), std::logic_error
    );
    CHECK(policies.types() == bus::Types{"Noted"});
    CHECK(policies.find("Copied") == nullptr);
}

}  // namespace bookstore::test
