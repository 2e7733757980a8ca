#include <doctest/doctest.h>
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "modules/customer/store.hpp"
#include "storage/error.hpp"
#include "storage/migrations.hpp"
#include "support/memory_vfs.hpp"

// My Page's rows, of which the latest are kept in memory.

namespace bookstore::test {
namespace {

using customer::MyPage;
using customer::store::MyPageRows;

struct MyPageFile {
    MemoryVfs vfs;
    storage::Connection db{"customer.db", storage::Connection::Mode::read_write, vfs.name()};
    MyPageRows rows{false};

    MyPageFile() {
        const std::vector<std::string> sources{"bus", "customer"};
        storage::migrate(db, "customer.db", sources, 1);
    }

    static MyPage order(std::int64_t order_id, std::int64_t customer_id = 1) {
        MyPage page;
        page.order_id = order_id;
        page.customer_id = customer_id;
        page.book_id = 5;
        page.quantity = 2;
        page.delivery_address = fmt::format("house {}", order_id);
        page.order_status = "ORDERED";
        return page;
    }
    MyPage stored(std::int64_t order_id) {
        const auto pages = customer::store::my_pages_of_order(db, order_id);
        REQUIRE(pages.size() == 1);
        return pages.front();
    }
    std::string numbers() {
        return db
            .query_text(
                "SELECT group_concat(customer_id || ':' || nth_of_customer, ' ') FROM "
                "(SELECT * FROM my_page ORDER BY id)"
            )
            .value_or("");
    }
};

}  // namespace

TEST_CASE_FIXTURE(MyPageFile, "a row is inserted with what later events of its batch made of it") {
    auto page = order(11);
    page.pay_amount = Money::from_cents(1050);
    rows.insert(page, 1'000);
    MyPageRows::State& row = rows.change(db, 11);
    row.order_status = "Shipped";
    row.delivery_status = "Shipped";
    row.delivery_id = 4;
    row.pay_status = "PAYMENT_COMPLETED";
    rows.flush(db);
    const MyPage after = stored(11);
    CHECK(after.order_status == "Shipped");
    CHECK(after.delivery_status == "Shipped");
    CHECK(after.delivery_id == 4);
    CHECK(after.pay_status == "PAYMENT_COMPLETED");
    CHECK(after.pay_amount->cents() == 1050);
    CHECK(after.delivery_address == "house 11");
    CHECK(after.ordered_at == "1970-01-01T00:00:01Z");
}

TEST_CASE_FIXTURE(MyPageFile, "a row that is not in memory any more is read again") {
    constexpr int many = 20'000;
    for (int i = 1; i <= many; ++i) {
        rows.insert(order(i, i % 3), i);
        if (i % 500 == 0) {
            rows.flush(db);
        }
    }
    for (const int i : {1, 9'000, many}) {
        rows.change(db, i).pay_status = "PAYMENT_FAILED";
    }
    rows.flush(db);
    for (const int i : {1, 9'000, many}) {
        rows.change(db, i).order_status = "Shipped";
    }
    rows.flush(db);
    for (const int i : {1, 9'000, many}) {
        CHECK(stored(i).pay_status == "PAYMENT_FAILED");
        CHECK(stored(i).order_status == "Shipped");
    }
    CHECK(stored(2).order_status == "ORDERED");
    CHECK(db.query_integer("SELECT count(*) FROM my_page") == many);
}

TEST_CASE_FIXTURE(MyPageFile, "rows are numbered by customer, also after all was forgotten") {
    rows.insert(order(1, 7), 0);
    rows.insert(order(2, 8), 0);
    rows.insert(order(3, 7), 0);
    rows.flush(db);
    db.execute("BEGIN");
    rows.insert(order(4, 7), 0);
    rows.flush(db);
    db.execute("ROLLBACK");
    rows.clear();
    rows.insert(order(4, 8), 0);
    rows.insert(order(5, 7), 0);
    rows.flush(db);
    CHECK(numbers() == "7:1 8:1 7:2 8:2 7:3");
}

TEST_CASE_FIXTURE(MyPageFile, "an order has one row, and what has none is said") {
    rows.insert(order(1), 0);
    CHECK_THROWS_AS(rows.insert(order(1), 0), std::logic_error);
    rows.clear();
    rows.insert(order(1), 0);
    rows.flush(db);
    CHECK_THROWS_AS(rows.insert(order(1), 0), std::logic_error);
    rows.clear();
    rows.insert(order(1), 0);
    CHECK_THROWS_AS(rows.flush(db), storage::Error);
    rows.clear();
    rows.change(db, 1);
    db.execute("DELETE FROM my_page");  // behind its back
    CHECK_THROWS_AS(rows.flush(db), std::logic_error);
    rows.clear();
    CHECK_THROWS_WITH_AS(rows.change(db, 2), "My Page has no row of order 2", std::logic_error);
}

}  // namespace bookstore::test
