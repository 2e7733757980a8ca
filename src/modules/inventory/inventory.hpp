#pragma once

#include <array>
#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/words.hpp"

namespace bookstore::inventory {

struct Book {
    std::int64_t id = 0;
    std::string book_name;
    std::int64_t stock = 0;
};
BOOST_DESCRIBE_STRUCT(Book, (), (book_name, stock))

struct StockInput {
    std::int64_t id = 0;
    std::int64_t book_id = 0;
    std::int64_t quantity = 0;
    std::optional<std::string> in_charger;
};
BOOST_DESCRIBE_STRUCT(StockInput, (), (id, book_id, quantity, in_charger))

enum class DeliverableStatus { stock_lacked, delivery_prepared, delivery_canceled };
inline constexpr std::array<std::string_view, 3> deliverable_words{
    "Stock_Lacked", "Delivery_Prepared", "DeliveryCanceled"
};
constexpr const auto& words_of(DeliverableStatus) {
    return deliverable_words;
}

/// The picking list of one order.
struct Deliverable {
    std::int64_t id = 0;
    std::int64_t order_id = 0;
    std::int64_t book_id = 0;
    std::int64_t quantity = 0;
    DeliverableStatus status = DeliverableStatus::stock_lacked;
};
BOOST_DESCRIBE_STRUCT(Deliverable, (), (order_id, book_id, quantity, status))

}  // namespace bookstore::inventory
