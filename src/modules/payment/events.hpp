#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/key.hpp"

namespace bookstore::payment {

struct Payed {
    static constexpr std::string_view event_type = "Payed";
    std::int64_t order_id = 0;
    std::int64_t payment_id = 0;
    std::string pay_status;
    Key key() const { return {"order", order_id}; }
    static Payed example() {
        return {.order_id = 1, .payment_id = 1, .pay_status = "PAYMENT_COMPLETED"};
    }
};
BOOST_DESCRIBE_STRUCT(Payed, (), (order_id, payment_id, pay_status))

struct PaymentFailed {
    static constexpr std::string_view event_type = "PaymentFailed";
    std::int64_t order_id = 0;
    std::int64_t payment_id = 0;
    std::string pay_status;
    Key key() const { return {"order", order_id}; }
    static PaymentFailed example() {
        return {.order_id = 1, .payment_id = 1, .pay_status = "PAYMENT_FAILED"};
    }
};
BOOST_DESCRIBE_STRUCT(PaymentFailed, (), (order_id, payment_id, pay_status))

/// The money is back.
struct PaymentCanceled {
    static constexpr std::string_view event_type = "PaymentCanceled";
    std::int64_t order_id = 0;
    std::int64_t payment_id = 0;
    std::string pay_status;
    Key key() const { return {"order", order_id}; }
    static PaymentCanceled example() {
        return {.order_id = 1, .payment_id = 1, .pay_status = "PAYMENT_CANCELED"};
    }
};
BOOST_DESCRIBE_STRUCT(PaymentCanceled, (), (order_id, payment_id, pay_status))

}  // namespace bookstore::payment
