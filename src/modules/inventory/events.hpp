#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/key.hpp"

namespace bookstore::inventory {

struct BookRegistered {
    static constexpr std::string_view event_type = "BookRegistered";
    std::int64_t book_id = 0;
    std::string book_name;
    std::int64_t stock = 0;
    Key key() const { return {"book", book_id}; }
    static BookRegistered example() {
        return {.book_id = 1, .book_name = "Domain-Driven Design", .stock = 150};
    }
};
BOOST_DESCRIBE_STRUCT(BookRegistered, (), (book_id, book_name, stock))

struct BookDeleted {
    static constexpr std::string_view event_type = "BookDeleted";
    std::int64_t book_id = 0;
    Key key() const { return {"book", book_id}; }
    static BookDeleted example() { return {.book_id = 1}; }
};
BOOST_DESCRIBE_STRUCT(BookDeleted, (), (book_id))

/// The stock right after the increase, before waiting orders are served.
struct InventoryIncreased {
    static constexpr std::string_view event_type = "InventoryIncreased";
    std::int64_t book_id = 0;
    std::int64_t stock = 0;
    Key key() const { return {"book", book_id}; }
    static InventoryIncreased example() { return {.book_id = 1, .stock = 170}; }
};
BOOST_DESCRIBE_STRUCT(InventoryIncreased, (), (book_id, stock))

struct DeliveryPrepared {
    static constexpr std::string_view event_type = "DeliveryPrepared";
    std::optional<std::int64_t> id;  ///< always null: the original never set it
    std::int64_t order_id = 0;
    std::string status;
    Key key() const { return {"order", order_id}; }
    static DeliveryPrepared example() {
        return {.id = std::nullopt, .order_id = 1, .status = "Delivery_Prepared"};
    }
};
BOOST_DESCRIBE_STRUCT(DeliveryPrepared, (), (id, order_id, status))

}  // namespace bookstore::inventory
