#include "modules/customer/store.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "base/clock.hpp"

namespace bookstore::customer::store {
namespace {

using storage::Sql;

const std::string select_customers = "SELECT id, name FROM customer";
const Sql select_customer{"customer", select_customers + " WHERE id = ?1 AND NOT deleted"};
const Sql insert_customer{"customer", "INSERT INTO customer(name) VALUES (?1)"};
const Sql insert_lost_customer{
    "customer", "INSERT OR IGNORE INTO customer(id, name) VALUES (?1, ?2)"
};
const Sql update_customer{"customer", "UPDATE customer SET name = ?2 WHERE id = ?1"};
const Sql delete_customer{"customer", "UPDATE customer SET deleted = 1 WHERE id = ?1"};

const std::string select_my_pages =
    "SELECT p.id, p.customer_id, c.name, p.order_id, p.book_id, p.quantity, p.delivery_address, "
    "p.order_status, p.delivery_status, p.delivery_id, p.pay_amount, p.pay_status, p.ordered_at "
    "FROM my_page p LEFT JOIN customer c ON c.id = p.customer_id";
const Sql select_my_page{"customer", select_my_pages + " WHERE p.id = ?1"};
const Sql select_my_page_of_order{"customer", select_my_pages + " WHERE p.order_id = ?1"};

/// A statement for the rows that are served, and the same for the second set of a rebuild.
class PageSql {
  public:
    explicit PageSql(std::string_view text)
        : served_("customer", fmt::format(fmt::runtime(text), "my_page")),
          rebuilt_("customer", fmt::format(fmt::runtime(text), "my_page_rebuild")) {}
    const Sql& of(bool rebuilt) const { return rebuilt ? rebuilt_ : served_; }

  private:
    Sql served_;
    Sql rebuilt_;
};

const PageSql insert_page{
    "INSERT INTO {}(customer_id, nth_of_customer, order_id, book_id, quantity, delivery_address, "
    "order_status, delivery_status, delivery_id, pay_amount, pay_status, ordered_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
};
const PageSql select_newest{
    "SELECT coalesce(max(nth_of_customer), 0) FROM {} WHERE customer_id = ?1"
};
const PageSql select_state{
    "SELECT id, order_status, delivery_status, delivery_id, pay_status FROM {} WHERE order_id = ?1"
};
const PageSql update_state{
    "UPDATE {} SET order_status = ?2, delivery_status = ?3, delivery_id = ?4, pay_status = ?5 "
    "WHERE id = ?1 AND order_id = ?6"
};

constexpr std::size_t max_recent = 4096;  ///< rows in memory, twice this at most; 300 bytes each
constexpr std::size_t max_customers = 16'384;

std::optional<Money> money_in(std::optional<std::int64_t> cents) {
    return cents ? std::optional(Money::from_cents(*cents)) : std::nullopt;
}

std::optional<MyPage> one_page(storage::Connection& db, const Sql& sql, std::int64_t id) {
    auto row = db.prepare(sql);
    row.bind(id);
    return row.step() ? std::optional(my_page_in(row)) : std::nullopt;
}

}  // namespace

const kernel::DeletablePages customer_pages{
    "customer", select_customers, "customer", "customerId", {{"customerName", {"name", "id"}}}
};
const kernel::TablePages my_page_pages{"customer", select_my_pages, "p.id", "my_page", "id"};
const kernel::FinderPages my_pages_of_customer{
    "customer", select_my_pages, "p.customer_id", "p.nth_of_customer", "my_page", "id", "customerId"
};

Customer customer_in(storage::Statement& row) {
    return {.id = row.integer(0), .customer_name = row.string(1)};
}

std::optional<Customer> find(storage::Connection& db, std::int64_t id) {
    auto row = db.prepare(select_customer);
    row.bind(id);
    return row.step() ? std::optional(customer_in(row)) : std::nullopt;
}

std::int64_t insert(storage::Connection& db, const Customer& customer) {
    db.prepare(insert_customer).bind(customer.customer_name).run();
    return db.last_insert_id();
}

void insert_lost(storage::Connection& db, const Customer& customer) {
    db.prepare(insert_lost_customer).bind(customer.id, customer.customer_name).run();
}

void update(storage::Connection& db, const Customer& customer) {
    db.prepare(update_customer).bind(customer.id, customer.customer_name).run();
}

void mark_deleted(storage::Connection& db, std::int64_t id) {
    db.prepare(delete_customer).bind(id).run();
    customer_pages.count_deleted(db, id);
}

MyPage my_page_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .customer_id = row.integer(1),
        .customer_name = row.optional_string(2),
        .order_id = row.integer(3),
        .book_id = row.integer(4),
        .quantity = row.integer(5),
        .delivery_address = row.string(6),
        .order_status = row.string(7),
        .delivery_status = row.optional_string(8),
        .delivery_id = row.optional_integer(9),
        .pay_amount = money_in(row.optional_integer(10)),
        .pay_status = row.optional_string(11),
        .ordered_at = iso_timestamp(row.integer(12)),
    };
}

std::optional<MyPage> find_my_page(storage::Connection& db, std::int64_t id) {
    return one_page(db, select_my_page, id);
}

std::vector<MyPage> my_pages_of_order(storage::Connection& db, std::int64_t order_id) {
    std::vector<MyPage> pages;
    if (auto page = one_page(db, select_my_page_of_order, order_id)) {
        pages.push_back(std::move(*page));
    }
    return pages;
}

void MyPageRows::insert(MyPage page, std::int64_t ordered_at_ms) {
    Row& row = recent_[page.order_id];
    if (row.to_insert || row.id != 0 || older_.contains(page.order_id)) {
        throw std::logic_error(fmt::format("My Page has a row of order {}", page.order_id));
    }
    row.order_id = page.order_id;
    row.state.order_status = page.order_status;
    row.to_insert = std::make_unique<New>(std::move(page), ordered_at_ms);
    note_change(row);
}

MyPageRows::State& MyPageRows::change(storage::Connection& db, std::int64_t order_id) {
    Row* row = known(order_id);
    if (row == nullptr) {
        auto stored = db.prepare(select_state.of(rebuilt_));
        stored.bind(order_id);
        if (!stored.step()) {
            throw std::logic_error(fmt::format("My Page has no row of order {}", order_id));
        }
        row = &recent_[order_id];
        row->order_id = order_id;
        row->id = stored.integer(0);
        row->state = {
            .order_status = stored.string(1),
            .delivery_status = stored.optional_string(2),
            .delivery_id = stored.optional_integer(3),
            .pay_status = stored.optional_string(4)
        };
    }
    note_change(*row);
    return row->state;
}

MyPageRows::Row* MyPageRows::known(std::int64_t order_id) {
    if (const auto row = recent_.find(order_id); row != recent_.end()) {
        return &row->second;
    }
    if (auto row = older_.extract(order_id)) {
        return &recent_.insert(std::move(row)).position->second;
    }
    return nullptr;
}

void MyPageRows::note_change(Row& row) {
    if (!std::exchange(row.changed, true)) {
        changed_.push_back(&row);
    }
}

void MyPageRows::flush(storage::Connection& db) {
    for (Row* row : changed_) {
        if (row->to_insert) {
            insert(db, *row);
        } else {
            update(db, *row);
        }
        row->changed = false;
    }
    changed_.clear();
    if (recent_.size() > max_recent) {
        older_ = std::exchange(recent_, {});
    }
}

void MyPageRows::insert(storage::Connection& db, Row& row) {
    const auto& [page, ordered_at_ms] = *row.to_insert;
    const auto cents = page.pay_amount ? std::optional(page.pay_amount->cents()) : std::nullopt;
    db.prepare(insert_page.of(rebuilt_))
        .bind(
            page.customer_id,
            next_of_customer(db, page.customer_id),
            page.order_id,
            page.book_id,
            page.quantity,
            page.delivery_address,
            row.state.order_status,
            row.state.delivery_status,
            row.state.delivery_id,
            cents,
            row.state.pay_status,
            ordered_at_ms
        )
        .run();
    row.id = db.last_insert_id();
    row.to_insert.reset();
}

std::int64_t MyPageRows::next_of_customer(storage::Connection& db, std::int64_t customer_id) {
    if (newest_of_customer_.size() > max_customers) {
        newest_of_customer_.clear();
    }
    const auto [newest, unknown] = newest_of_customer_.try_emplace(customer_id);
    if (unknown) {
        auto stored = db.prepare(select_newest.of(rebuilt_));
        stored.bind(customer_id);
        stored.step();
        newest->second = stored.integer(0);
    }
    return ++newest->second;
}

void MyPageRows::update(storage::Connection& db, const Row& row) const {
    db.prepare(update_state.of(rebuilt_))
        .bind(
            row.id,
            row.state.order_status,
            row.state.delivery_status,
            row.state.delivery_id,
            row.state.pay_status,
            row.order_id
        )
        .run();
    if (db.changes() != 1) {
        throw std::logic_error(fmt::format("My Page's row of order {} is gone", row.order_id));
    }
}

void MyPageRows::clear() {
    changed_.clear();
    recent_.clear();
    older_.clear();
    newest_of_customer_.clear();
}

}  // namespace bookstore::customer::store
