#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.hpp"

namespace bookstore::customer {

struct Customer {
    std::int64_t id = 0;
    std::string customer_name;
};
BOOST_DESCRIBE_STRUCT(Customer, (), (customer_name))

/// One order as its customer sees it: a read model, made from events alone. The name is the
/// customer's name now, joined when it is read.
struct MyPage {
    std::int64_t id = 0;
    std::int64_t customer_id = 0;
    std::optional<std::string> customer_name;
    std::int64_t order_id = 0;
    std::int64_t book_id = 0;
    std::int64_t quantity = 0;
    std::string delivery_address;
    std::string order_status;
    std::optional<std::string> delivery_status;
    std::optional<std::int64_t> delivery_id;
    std::optional<Money> pay_amount;
    std::optional<std::string> pay_status;
    std::string ordered_at;
};
BOOST_DESCRIBE_STRUCT(
    MyPage,
    (),
    (customer_id,
     customer_name,
     order_id,
     book_id,
     quantity,
     delivery_address,
     order_status,
     delivery_status,
     delivery_id,
     pay_amount,
     pay_status,
     ordered_at)
)

/// My Page's order status after DeliveryPrepared: as the order's own table has it.
inline std::string_view after_prepared(std::string_view status) {
    return status == "ORDERED" ? "Delivery_Prepared" : status;
}

/// ... after DeliveryStatusChanged(delivery): a canceled order stays canceled.
inline std::string_view after_delivery(std::string_view status, std::string_view delivery) {
    return status == "CANCELED" ? status : delivery;
}

}  // namespace bookstore::customer
