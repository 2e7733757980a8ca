#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/paging.hpp"
#include "modules/customer/customer.hpp"
#include "storage/connection.hpp"

// The customer context's SQL.

namespace bookstore::customer::store {

/// A customer who is there; nothing for a deleted one.
std::optional<Customer> find(storage::Connection& db, std::int64_t id);
std::int64_t insert(storage::Connection& db, const Customer& customer);
void update(storage::Connection& db, const Customer& customer);
void mark_deleted(storage::Connection& db, std::int64_t id);
Customer customer_in(storage::Statement& row);
extern const kernel::DeletablePages customer_pages;

MyPage my_page_in(storage::Statement& row);
extern const kernel::TablePages my_page_pages;
extern const kernel::FinderPages my_pages_of_customer;
std::optional<MyPage> find_my_page(storage::Connection& db, std::int64_t id);
/// One, or none.
std::vector<MyPage> my_pages_of_order(storage::Connection& db, std::int64_t order_id);

/// My Page's rows as its policies write them: those that are served, or their second set while they
/// are rebuilt. An update throws when the order has no row.
class MyPageRows {
  public:
    explicit MyPageRows(bool rebuilt) : rebuilt_(rebuilt) {}

    void insert(storage::Connection& db, const MyPage& page, std::int64_t ordered_at_ms) const;
    std::string order_status(storage::Connection& db, std::int64_t order_id) const;
    void cancel(storage::Connection& db, std::int64_t order_id, std::string_view status) const;
    /// false: the order's status is not `before`; nothing is written.
    bool set_order_status(
        storage::Connection& db,
        std::int64_t order_id,
        std::string_view before,
        std::string_view after
    ) const;
    /// As set_order_status.
    bool set_delivery(
        storage::Connection& db,
        std::int64_t order_id,
        std::string_view status_before,
        std::string_view order_status,
        std::string_view delivery_status,
        std::int64_t delivery_id
    ) const;
    void set_pay_status(storage::Connection& db, std::int64_t order_id, std::string_view status)
        const;

  private:
    bool rebuilt_;
};

}  // namespace bookstore::customer::store
