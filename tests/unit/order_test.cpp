#include "modules/order/order.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace bookstore;
using namespace bookstore::order;

namespace {

using S = OrderStatus;

constexpr S all[] = {
    S::ordered,
    S::customer_not_verified,
    S::book_not_verified,
    S::delivery_prepared,
    S::shipped,
    S::in_transit,
    S::delivered,
    S::returned,
    S::cancel_delivery,
    S::canceled
};

}  // namespace

TEST_CASE("only an order that is ORDERED or unverified can be canceled") {
    for (const S status : all) {
        const bool may = status == S::ordered || unverified(status);
        CAPTURE(word(status));
        CHECK(after_cancel(status) == (may ? std::optional(S::canceled) : std::nullopt));
    }
}

TEST_CASE("only an unverified order becomes ORDERED when it is verified") {
    for (const S status : all) {
        const bool may = status == S::customer_not_verified || status == S::book_not_verified;
        CAPTURE(word(status));
        CHECK(after_verified(status) == (may ? std::optional(S::ordered) : std::nullopt));
    }
}

TEST_CASE("DeliveryPrepared moves an ORDERED order alone: a cancel may have come first") {
    for (const S status : all) {
        CAPTURE(word(status));
        CHECK(
            after_prepared(status) ==
            (status == S::ordered ? std::optional(S::delivery_prepared) : std::nullopt)
        );
    }
}

TEST_CASE(
    "DeliveryStatusChanged is taken over by every order that is neither canceled nor unverified"
) {
    for (const S status : all) {
        for (const S delivery :
             {S::shipped, S::in_transit, S::delivered, S::returned, S::cancel_delivery}) {
            const bool stays = status == S::canceled || unverified(status);
            CAPTURE(word(status));
            CAPTURE(word(delivery));
            CHECK(
                after_delivery(status, delivery) == (stays ? std::nullopt : std::optional(delivery))
            );
        }
    }
}

TEST_CASE("what the two contexts answer decides the order") {
    using F = Found;
    struct Row {
        F customer;
        F book;
        bool refused;
        S status;
    };
    // There is none wins over unavailable; the customer's silence is named before the book's.
    for (const Row& row : {
             Row{F::yes, F::yes, false, S::ordered},
             Row{F::yes, F::unavailable, false, S::book_not_verified},
             Row{F::unavailable, F::yes, false, S::customer_not_verified},
             Row{F::unavailable, F::unavailable, false, S::customer_not_verified},
             Row{F::no, F::yes, true, S::ordered},
             Row{F::yes, F::no, true, S::ordered},
             Row{F::no, F::no, true, S::ordered},
             Row{F::no, F::unavailable, true, S::book_not_verified},
             Row{F::unavailable, F::no, true, S::customer_not_verified},
         }) {
        const Verdict verdict{row.customer, row.book};
        CHECK(verdict.negative() == row.refused);
        if (!row.refused) {
            CHECK(verdict.status() == row.status);
        }
    }
}

TEST_CASE("the words of an order's status are the contract's") {
    for (const S status : all) {
        CHECK(parse_word<OrderStatus>(word(status)) == status);
    }
    CHECK(word(S::customer_not_verified) == "Customer_Not_Verified");
    CHECK(word(S::delivery_prepared) == "Delivery_Prepared");
    CHECK(parse_word<OrderStatus>("ordered") == std::nullopt);
}

TEST_CASE("a word of a newer delivery context is kept as it came, and only the delivery goes on") {
    const Status customs = Status::of("AtCustoms");
    CHECK(word(customs) == "AtCustoms");
    CHECK(customs.known() == std::nullopt);
    CHECK(customs == Status::of("AtCustoms"));
    CHECK_FALSE(customs == Status::of("Elsewhere"));
    CHECK(Status::of("Shipped") == S::shipped);
    CHECK(after_delivery(Status(S::shipped), customs) == customs);
    CHECK(after_delivery(customs, Status(S::delivered)) == Status(S::delivered));
    CHECK(after_delivery(Status(S::canceled), customs) == std::nullopt);
    CHECK(after_cancel(customs) == std::nullopt);
    CHECK(after_verified(customs) == std::nullopt);
    CHECK(after_prepared(customs) == std::nullopt);
    CHECK_FALSE(unverified(customs));
}
