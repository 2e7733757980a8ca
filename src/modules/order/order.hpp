#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/money.hpp"
#include "base/words.hpp"

namespace bookstore::order {

enum class OrderStatus {
    ordered,
    customer_not_verified,
    book_not_verified,
    delivery_prepared,
    shipped,
    in_transit,
    delivered,
    returned,
    cancel_delivery,
    canceled,
};
inline constexpr std::array<std::string_view, 10> order_words{
    "ORDERED",
    "Customer_Not_Verified",
    "Book_Not_Verified",
    "Delivery_Prepared",
    "Shipped",
    "InTransit",
    "Delivered",
    "Returned",
    "CancelDelivery",
    "CANCELED"
};
constexpr const auto& words_of(OrderStatus) {
    return order_words;
}

/// The task that verifies such orders (refused: a context said that there is no such customer or
/// book), as logs, metrics and timelines name it.
constexpr std::string_view verification_task(bool refused) {
    return refused ? "verify-refused-order" : "verify-order";
}

/// As it is stored and shown: the delivery's words are taken over, those of a newer version of that
/// context too.
using Status = OpenWord<OrderStatus>;

struct Order {
    std::int64_t id = 0;
    std::int64_t book_id = 0;
    std::int64_t customer_id = 0;
    std::int64_t quantity = 0;
    std::string delivery_address;
    Status order_status = OrderStatus::ordered;
    std::optional<Money> pay_amount;
    std::optional<std::string> pay_type;
    bool was_ordered = false;  ///< its Ordered was published; not a field of the resource
};
BOOST_DESCRIBE_STRUCT(
    Order,
    (),
    (book_id, customer_id, quantity, delivery_address, order_status, pay_amount, pay_type)
)

constexpr bool unverified(OrderStatus status) {
    return status == OrderStatus::customer_not_verified || status == OrderStatus::book_not_verified;
}

/// DELETE. No value: it is too late, or it was canceled before.
constexpr std::optional<OrderStatus> after_cancel(OrderStatus status) {
    return unverified(status) || status == OrderStatus::ordered
               ? std::optional(OrderStatus::canceled)
               : std::nullopt;
}

/// Customer and book inventory both said yes. No value: it is not unverified any more.
constexpr std::optional<OrderStatus> after_verified(OrderStatus status) {
    return unverified(status) ? std::optional(OrderStatus::ordered) : std::nullopt;
}

/// DeliveryPrepared. No value: it changes nothing (a cancel came first), which is expected.
constexpr std::optional<OrderStatus> after_prepared(OrderStatus status) {
    return status == OrderStatus::ordered ? std::optional(OrderStatus::delivery_prepared)
                                          : std::nullopt;
}

/// DeliveryStatusChanged: the delivery's status becomes the order's. No value: it changes nothing.
constexpr std::optional<OrderStatus> after_delivery(OrderStatus status, OrderStatus delivery) {
    return unverified(status) || status == OrderStatus::canceled ? std::nullopt
                                                                 : std::optional(delivery);
}

// The same of a status that may be of a newer version: that comes from a delivery under way, so
// that only the delivery moves the order on.

inline bool unverified(const Status& status) {
    return status.known() && unverified(*status.known());
}
inline std::optional<OrderStatus> after_cancel(const Status& status) {
    return status.known() ? after_cancel(*status.known()) : std::nullopt;
}
inline std::optional<OrderStatus> after_verified(const Status& status) {
    return status.known() ? after_verified(*status.known()) : std::nullopt;
}
inline std::optional<OrderStatus> after_prepared(const Status& status) {
    return status.known() ? after_prepared(*status.known()) : std::nullopt;
}
inline std::optional<Status> after_delivery(const Status& status, const Status& delivery) {
    return unverified(status) || status == OrderStatus::canceled ? std::nullopt
                                                                 : std::optional(delivery);
}

/// What another context answers when it is asked whether there is such a thing.
enum class Found { yes, no, unavailable };

/// What the two answers mean for an order.
struct Verdict {
    Found customer = Found::unavailable;
    Found book = Found::unavailable;

    /// One said that there is no such thing.
    constexpr bool negative() const { return customer == Found::no || book == Found::no; }
    /// When it is not negative.
    constexpr OrderStatus status() const {
        if (customer == Found::unavailable) {
            return OrderStatus::customer_not_verified;
        }
        return book == Found::unavailable ? OrderStatus::book_not_verified : OrderStatus::ordered;
    }
};

}  // namespace bookstore::order
