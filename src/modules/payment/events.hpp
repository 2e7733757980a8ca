#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace bookstore::payment {

struct Payed {
    static constexpr std::string_view event_type = "Payed";
    std::int64_t order_id = 0;
    std::int64_t payment_id = 0;
    std::string pay_status;
};
BOOST_DESCRIBE_STRUCT(Payed, (), (order_id, payment_id, pay_status))

struct PaymentFailed {
    static constexpr std::string_view event_type = "PaymentFailed";
    std::int64_t order_id = 0;
    std::int64_t payment_id = 0;
    std::string pay_status;
};
BOOST_DESCRIBE_STRUCT(PaymentFailed, (), (order_id, payment_id, pay_status))

/// The money is back.
struct PaymentCanceled {
    static constexpr std::string_view event_type = "PaymentCanceled";
    std::int64_t order_id = 0;
    std::int64_t payment_id = 0;
    std::string pay_status;
};
BOOST_DESCRIBE_STRUCT(PaymentCanceled, (), (order_id, payment_id, pay_status))

}  // namespace bookstore::payment
