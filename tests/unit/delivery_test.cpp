#include "modules/delivery/delivery.hpp"

#include <doctest/doctest.h>

using namespace bookstore;
using namespace bookstore::delivery;

namespace {

using S = DeliveryStatus;

constexpr S all[] = {
    S::create_delivery, S::shipped, S::in_transit, S::delivered, S::returned, S::cancel_delivery
};

}  // namespace

TEST_CASE("DeliveryPrepared ships a delivery that was just created, and no other") {
    for (const S status : all) {
        CAPTURE(word(status));
        CHECK(
            after_prepared(status) ==
            (status == S::create_delivery ? std::optional(S::shipped) : std::nullopt)
        );
    }
}

TEST_CASE("OrderCanceled cancels a delivery, and recalls one that is on its way") {
    for (const S status : all) {
        CAPTURE(word(status));
        CHECK(
            after_order_canceled(status) ==
            (status == S::cancel_delivery ? std::nullopt : std::optional(S::cancel_delivery))
        );
    }
}

TEST_CASE("a courier moves what was shipped, not what is unprepared or canceled") {
    CHECK_FALSE(courier_may_move(S::create_delivery));
    CHECK_FALSE(courier_may_move(S::cancel_delivery));
    for (const S status : {S::shipped, S::in_transit, S::delivered, S::returned}) {
        CHECK(courier_may_move(status));
    }
}

TEST_CASE("a courier's words are statuses, and neither the first nor the last") {
    for (const auto text : courier_words) {
        const auto status = parse_word<DeliveryStatus>(text);
        REQUIRE(status);
        CHECK(courier_may_move(*status));
    }
}
