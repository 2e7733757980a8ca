#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/identity_map.hpp"
#include "kernel/paging.hpp"
#include "modules/customer/customer.hpp"
#include "storage/connection.hpp"

// The customer context's SQL.

namespace bookstore::customer::store {

/// A customer who is there; nothing for a deleted one.
std::optional<Customer> find(storage::Connection& db, std::int64_t id);
std::int64_t insert(storage::Connection& db, const Customer& customer);
/// One whose event is there and whose row is not: with that id.
void insert_lost(storage::Connection& db, const Customer& customer);
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

/// My Page's rows as its policies change them: those that are served, or their second set while
/// they are rebuilt. The latest ones are kept in memory, so that an event costs no look at the
/// file, and the events of an order in one transaction one write. Only these policies write the
/// table.
class MyPageRows : public bus::IdentityMap {
  public:
    /// What events change of a row after it was inserted.
    struct State {
        std::string order_status;
        std::optional<std::string> delivery_status;
        std::optional<std::int64_t> delivery_id;
        std::optional<std::string> pay_status;
    };

    explicit MyPageRows(bool rebuilt) : rebuilt_(rebuilt) {}

    /// A new row; id, name and ordered_at of `page` are of no meaning.
    void insert(MyPage page, std::int64_t ordered_at_ms);
    /// The order's row, to be changed. Throws when it has none.
    State& change(storage::Connection& db, std::int64_t order_id);

    void flush(storage::Connection& db) override;
    void clear() override;

  private:
    struct New {
        MyPage page;
        std::int64_t ordered_at_ms = 0;
    };
    struct Row {
        std::int64_t order_id = 0;
        std::int64_t id = 0;  ///< 0 until it is inserted
        State state;
        std::unique_ptr<New> to_insert{};
        bool changed = false;
    };
    using Rows = std::unordered_map<std::int64_t, Row>;  ///< by order; references stay

    Row* known(std::int64_t order_id);
    void note_change(Row& row);
    void insert(storage::Connection& db, Row& row);
    std::int64_t next_of_customer(storage::Connection& db, std::int64_t customer_id);
    void update(storage::Connection& db, const Row& row) const;

    bool rebuilt_;
    Rows recent_;
    Rows older_;  ///< the generation before the recent one; dropped when the recent one is full
    std::vector<Row*> changed_;
    std::unordered_map<std::int64_t, std::int64_t> newest_of_customer_;  ///< nth_of_customer
};

}  // namespace bookstore::customer::store
