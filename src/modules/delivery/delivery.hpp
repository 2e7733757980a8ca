#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/words.hpp"

namespace bookstore::delivery {

enum class DeliveryStatus {
    create_delivery,
    shipped,
    in_transit,
    delivered,
    returned,
    cancel_delivery
};
inline constexpr std::array<std::string_view, 6> delivery_words{
    "CreateDelivery", "Shipped", "InTransit", "Delivered", "Returned", "CancelDelivery"
};
constexpr const auto& words_of(DeliveryStatus) {
    return delivery_words;
}

/// The words that a courier may set.
inline constexpr std::array<std::string_view, 4> courier_words{
    "Shipped", "InTransit", "Delivered", "Returned"
};

struct Delivery {
    std::int64_t id = 0;
    std::int64_t order_id = 0;
    std::string delivery_address;
    DeliveryStatus delivery_status = DeliveryStatus::create_delivery;
    std::int64_t customer_id = 0;  ///< whose it is, which is not shown; 0: nobody knows
};
BOOST_DESCRIBE_STRUCT(Delivery, (), (order_id, delivery_address, delivery_status))

/// DeliveryPrepared ships what was created. No value: it changes nothing, which is expected (a
/// cancel came first, or it is on its way).
constexpr std::optional<DeliveryStatus> after_prepared(DeliveryStatus status) {
    return status == DeliveryStatus::create_delivery ? std::optional(DeliveryStatus::shipped)
                                                     : std::nullopt;
}

/// OrderCanceled cancels, and recalls what is on its way. No value: it was canceled before.
constexpr std::optional<DeliveryStatus> after_order_canceled(DeliveryStatus status) {
    return status == DeliveryStatus::cancel_delivery
               ? std::nullopt
               : std::optional(DeliveryStatus::cancel_delivery);
}

/// May a courier move it on? Not before it was shipped, nor after it was canceled.
constexpr bool courier_may_move(DeliveryStatus status) {
    return status != DeliveryStatus::create_delivery && status != DeliveryStatus::cancel_delivery;
}

}  // namespace bookstore::delivery
