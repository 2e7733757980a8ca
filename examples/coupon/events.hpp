#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string_view>

#include "base/key.hpp"

namespace bookstore::coupon {

/// A customer got a coupon, for an order that was delivered.
struct CouponIssued {
    static constexpr std::string_view event_type = "CouponIssued";
    std::int64_t coupon_id = 0;
    std::int64_t order_id = 0;
    std::int64_t customer_id = 0;
    Key key() const { return {"order", order_id}; }
    static CouponIssued example() { return {.coupon_id = 1, .order_id = 1, .customer_id = 1}; }
};
BOOST_DESCRIBE_STRUCT(CouponIssued, (), (coupon_id, order_id, customer_id))

}  // namespace bookstore::coupon
