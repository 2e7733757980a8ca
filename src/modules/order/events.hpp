#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/key.hpp"
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
    Key key() const { return {"order", order_id}; }
    static Ordered example() {
        return {
            .order_id = 1,
            .book_id = 1,
            .customer_id = 1,
            .quantity = 100,
            .delivery_address = "busan si",
            .order_status = "ORDERED",
            .pay_amount = Money::from_cents(100'000),
            .pay_type = "ONCE"
        };
    }
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
    Key key() const { return {"order", order_id}; }
    static OrderCanceled example() { return {.order_id = 1, .status = "CANCELED"}; }
};
BOOST_DESCRIBE_STRUCT(OrderCanceled, (), (order_id, status))

}  // namespace bookstore::order
