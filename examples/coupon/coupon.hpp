#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string_view>

namespace bookstore::coupon {

struct Coupon {
    std::int64_t id = 0;
    std::int64_t order_id = 0;
    std::int64_t customer_id = 0;
};
BOOST_DESCRIBE_STRUCT(Coupon, (), (order_id, customer_id))

/// How many coupons a customer has: a read model.
struct Balance {
    std::int64_t id = 0;
    std::int64_t customer_id = 0;
    std::int64_t coupons = 0;
};
BOOST_DESCRIBE_STRUCT(Balance, (), (customer_id, coupons))

/// Whether a delivery of that status earns a coupon.
constexpr bool earns_coupon(std::string_view delivery_status) {
    return delivery_status == "Delivered";
}

}  // namespace bookstore::coupon
