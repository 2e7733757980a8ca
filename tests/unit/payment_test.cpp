#include "modules/payment/payment.hpp"

#include <doctest/doctest.h>

using namespace bookstore;
using namespace bookstore::payment;

namespace {

using S = PaymentStatus;
using A = VanAnswer;

const Standing requested{S::requested, false, Call::charge, true};
const Standing marked{S::requested, true, Call::charge, true};
const Standing completed{S::completed, false, std::nullopt, true};
const Standing refunding{S::completed, false, Call::refund, true};
const Standing failed{S::failed, false, std::nullopt, true};
const Standing canceled{S::canceled, false, std::nullopt, true};
const Standing free_of_charge{S::completed, false, std::nullopt, false};

}  // namespace

TEST_CASE("Ordered with an amount is to be charged; without one it is complete at once") {
    CHECK(after_ordered(true) == requested);
    CHECK(after_ordered(false) == free_of_charge);
}

TEST_CASE("VAN's answer to a charge is final; no answer is no answer") {
    CHECK(after_answer(requested, Call::charge, A::completed) == completed);
    CHECK(after_answer(requested, Call::charge, A::failed) == failed);
    CHECK(after_answer(requested, Call::charge, A::none) == requested);
}

TEST_CASE("an order canceled while VAN is asked is refunded once the charge has gone through") {
    CHECK(after_order_canceled(requested) == marked);
    const Standing after = after_answer(marked, Call::charge, A::completed);
    CHECK(after.status == S::completed);
    CHECK(after.call == Call::refund);
    CHECK(after_answer(marked, Call::charge, A::failed).call == std::nullopt);
    CHECK(after_answer(marked, Call::charge, A::failed).status == S::failed);
}

TEST_CASE("OrderCanceled refunds what was charged, and nothing else") {
    CHECK(after_order_canceled(completed) == refunding);
    CHECK(after_order_canceled(refunding) == refunding);
    CHECK(after_order_canceled(failed) == failed);
    CHECK(after_order_canceled(canceled) == canceled);
    CHECK(after_order_canceled(free_of_charge).status == S::canceled);
    CHECK(after_order_canceled(free_of_charge).call == std::nullopt);
}

TEST_CASE("a refund is asked until VAN confirms it") {
    CHECK(after_answer(refunding, Call::refund, A::none) == refunding);
    CHECK(after_answer(refunding, Call::refund, A::canceled) == canceled);
}

TEST_CASE("an answer to what is not asked any more changes nothing") {
    CHECK(after_answer(completed, Call::charge, A::failed) == completed);
    CHECK(after_answer(refunding, Call::charge, A::failed) == refunding);
    CHECK(after_answer(requested, Call::refund, A::canceled) == requested);
    CHECK(after_answer(canceled, Call::refund, A::canceled) == canceled);
}
