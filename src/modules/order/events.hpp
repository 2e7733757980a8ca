#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.hpp"

namespace bookstore::order {

/// An order that both customer and book inventory have said yes to.
struct Ordered {
    static constexpr std::string_view event_type = "Ordered";
    std::int64_t order_id = 0;
    std::int64_t book_id = 0;
    std::int64_t customer_id = 0;
    std::int64_t quantity = 0;
    std::string delivery_address;
    std::string order_status;
    std::optional<Money> pay_amount;
    std::optional<std::string> pay_type;
};
BOOST_DESCRIBE_STRUCT(
    Ordered,
    (),
    (order_id, book_id, customer_id, quantity, delivery_address, order_status, pay_amount, pay_type)
)

struct OrderCanceled {
    static constexpr std::string_view event_type = "OrderCanceled";
    std::int64_t order_id = 0;
    std::string status;
};
BOOST_DESCRIBE_STRUCT(OrderCanceled, (), (order_id, status))

}  // namespace bookstore::order
