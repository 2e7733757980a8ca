#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "check/facts.hpp"
#include "check/sqlite_file.hpp"

// An order as the seven contexts' files and the topic have it. Each row names its table, and how it
// is read of it.

namespace bookstore::check {

/// The contexts' files by the contexts' names; those of contexts elsewhere are missing.
using Files = std::map<std::string, const SqliteFile*, std::less<>>;

/// Null when there is none.
const SqliteFile* find_file(const Files& files, std::string_view context);

constexpr std::int64_t no_position = 0;  ///< of an event that is not there

struct OrderRow {
    std::int64_t id;
    std::int64_t book_id;
    std::int64_t customer_id;
    std::int64_t quantity;
    std::string address;
    std::string status;
    std::optional<std::int64_t> pay_amount;
    std::optional<std::string> pay_type;
    bool was_ordered;
    bool to_verify;

    static constexpr auto sql =
        "SELECT id, book_id, customer_id, quantity, delivery_address, status, pay_amount, "
        "pay_type, was_ordered, next_try IS NOT NULL FROM orders ORDER BY id";
    static OrderRow in(const SqliteFile::Rows& row) {
        return {
            row.integer(0),
            row.integer(1),
            row.integer(2),
            row.integer(3),
            row.string(4),
            row.string(5),
            row.optional_integer(6),
            row.optional_string(7),
            row.flag(8),
            row.flag(9)
        };
    }
    std::int64_t order() const { return id; }
    bool unverified() const { return status.ends_with("_Not_Verified"); }
    bool canceled() const { return status == "CANCELED"; }
};

struct DeliverableRow {
    std::int64_t order_id;
    std::int64_t book_id;
    std::int64_t quantity;
    std::string status;

    static constexpr auto sql =
        "SELECT order_id, book_id, quantity, status FROM deliverable ORDER BY order_id";
    static DeliverableRow in(const SqliteFile::Rows& row) {
        return {row.integer(0), row.integer(1), row.integer(2), row.string(3)};
    }
    std::int64_t order() const { return order_id; }
};

struct DeliveryRow {
    std::int64_t order_id;
    std::int64_t id;
    std::string address;
    std::string status;

    static constexpr auto sql =
        "SELECT order_id, id, address, status FROM delivery ORDER BY order_id";
    static DeliveryRow in(const SqliteFile::Rows& row) {
        return {row.integer(0), row.integer(1), row.string(2), row.string(3)};
    }
    std::int64_t order() const { return order_id; }
};

struct PaymentRow {
    std::int64_t order_id;
    std::int64_t id;
    std::optional<std::int64_t> amount;
    std::string status;
    std::optional<std::string> type;
    std::string key;
    std::optional<std::string> call;
    bool due;

    static constexpr auto sql =
        "SELECT order_id, id, amount, status, type, key, call, next_try IS NOT NULL FROM payment "
        "ORDER BY order_id";
    static PaymentRow in(const SqliteFile::Rows& row) {
        return {
            row.integer(0),
            row.integer(1),
            row.optional_integer(2),
            row.string(3),
            row.optional_string(4),
            row.string(5),
            row.optional_string(6),
            row.flag(7)
        };
    }
    std::int64_t order() const { return order_id; }
    bool under_way() const { return call.has_value() && due; }
};

struct MyPageRow {
    std::int64_t order_id;
    std::int64_t customer_id;
    std::int64_t book_id;
    std::int64_t quantity;
    std::string address;
    std::string order_status;
    std::optional<std::string> delivery_status;
    std::optional<std::int64_t> delivery_id;
    std::optional<std::int64_t> pay_amount;
    std::optional<std::string> pay_status;
    std::int64_t ordered_at;

    static constexpr auto sql =
        "SELECT order_id, customer_id, book_id, quantity, delivery_address, order_status, "
        "delivery_status, delivery_id, pay_amount, pay_status, ordered_at FROM my_page "
        "ORDER BY order_id";
    static MyPageRow in(const SqliteFile::Rows& row) {
        return {
            row.integer(0),
            row.integer(1),
            row.integer(2),
            row.integer(3),
            row.string(4),
            row.string(5),
            row.optional_string(6),
            row.optional_integer(7),
            row.optional_integer(8),
            row.optional_string(9),
            row.integer(10)
        };
    }
    std::int64_t order() const { return order_id; }
};

struct HistoryRow {
    std::int64_t order_id;
    std::string status;
    std::int64_t payment_id;

    static constexpr auto sql =
        "SELECT order_id, pay_status, payment_id FROM payment_history ORDER BY order_id, id";
    static HistoryRow in(const SqliteFile::Rows& row) {
        return {row.integer(0), row.string(1), row.integer(2)};
    }
    std::int64_t order() const { return order_id; }
};

/// One order and everything that refers to it, in any file.
struct Story {
    std::int64_t id = 0;
    std::vector<OrderRow> orders;
    std::vector<DeliverableRow> deliverables;
    std::vector<DeliveryRow> deliveries;
    std::vector<PaymentRow> payments;
    std::vector<MyPageRow> pages;
    std::vector<HistoryRow> histories;
    std::span<const Fact> facts;
    std::span<const OrderedFact> ordered;

    std::int64_t count(Type type) const { return std::ranges::count(facts, type, &Fact::type); }
    std::int64_t position(Type type) const {
        const auto found = std::ranges::find(facts, type, &Fact::type);
        return found == facts.end() ? no_position : found->position;
    }
};

/// Every order that anything knows, one after the other, by their ids. Of a file that is missing
/// nothing is known.
class Stories {
  public:
    /// Files and log outlive it.
    Stories(const Files& files, const Log& log);
    ~Stories();
    Stories(const Stories&) = delete;
    Stories& operator=(const Stories&) = delete;

    /// The next one; null at the end. It is there until the one after it is asked for.
    const Story* next();

  private:
    struct Tables;

    std::unique_ptr<Tables> tables_;
    std::span<const Fact> facts_;           ///< of the orders to come
    std::span<const OrderedFact> ordered_;  ///< likewise
    Story story_;
};

}  // namespace bookstore::check
