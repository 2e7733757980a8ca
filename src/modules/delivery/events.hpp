#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/key.hpp"

namespace bookstore::delivery {

struct DeliveryStatusChanged {
    static constexpr std::string_view event_type = "DeliveryStatusChanged";
    std::int64_t id = 0;
    std::int64_t order_id = 0;
    std::string delivery_status;
    Key key() const { return {"order", order_id}; }
    static DeliveryStatusChanged example() {
        return {.id = 1, .order_id = 1, .delivery_status = "Shipped"};
    }
};
BOOST_DESCRIBE_STRUCT(DeliveryStatusChanged, (), (id, order_id, delivery_status))

}  // namespace bookstore::delivery
