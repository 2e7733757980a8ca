#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "bus/topic.hpp"
#include "host/order_index.hpp"
#include "kernel/rebuild_tables.hpp"
#include "storage/connection.hpp"
#include "storage/migrations.hpp"
#include "support/memory_vfs.hpp"

// A file that an earlier version made is brought up to this one, with what is in it.

namespace bookstore::test {
namespace {

using storage::Migration;

struct OldFile {
    MemoryVfs vfs;
    storage::Connection db{"old.db", storage::Connection::Mode::read_write, vfs.name()};
    std::vector<std::string> sources;

    /// A module's file as the first release made it.
    explicit OldFile(const std::string& module) : sources{"bus", module} {
        std::vector<Migration> first;
        for (const Migration& migration : storage::embedded_migrations()) {
            if (migration.number == 1) {
                first.push_back(migration);
            }
        }
        storage::migrate(db, "old.db", sources, 1, first);
    }
    void upgrade() { storage::migrate(db, "old.db", sources, 2); }
    std::string text(const std::string& sql) {
        return db.query_text("SELECT group_concat(x, ' ') FROM (" + sql + ")").value_or("");
    }
};

}  // namespace

TEST_CASE("the orders of an older file are numbered by customer") {
    OldFile file("order");
    file.db.execute(
        "INSERT INTO orders(book_id, customer_id, quantity, delivery_address, status, was_ordered) "
        "SELECT 1, value, 1, 'busan', 'ORDERED', 1 FROM json_each('[3,1,3,3,1,2]')"
    );
    file.upgrade();
    CHECK(file.text("SELECT nth_of_customer AS x FROM orders ORDER BY id") == "1 1 2 3 2 1");
    CHECK(
        file.text("SELECT id AS x FROM orders WHERE customer_id = 3 ORDER BY nth_of_customer") ==
        "1 3 4"
    );
}

TEST_CASE("My Page of an older file is numbered by customer, its rows as they were") {
    OldFile file("customer");
    file.db.execute(
        "INSERT INTO my_page(customer_id, order_id, book_id, quantity, delivery_address, "
        "order_status, pay_amount, ordered_at) "
        "SELECT value, key + 10, 1, 2, 'busan', 'Shipped', 100, 5 FROM json_each('[2,1,2]')"
    );
    file.upgrade();
    CHECK(
        file.text("SELECT id || ':' || customer_id || ':' || nth_of_customer || ':' || order_id || "
                  "':' || pay_amount AS x FROM my_page ORDER BY id"
        ) == "1:2:1:10:100 2:1:1:11:100 3:2:2:12:100"
    );
    // The index is a constraint of the table, so that a rebuilt one has it too.
    CHECK(
        file.text("SELECT name AS x FROM sqlite_schema WHERE type = 'index' AND "
                  "tbl_name = 'my_page' AND sql IS NOT NULL") == ""
    );
}

TEST_CASE("deleted customers and books of an older file are counted by block") {
    const std::string numbers =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) ";
    OldFile customers("customer");
    customers.db.execute(
        numbers +
        "INSERT INTO customer(name, deleted) SELECT 'c', i IN (1, 1024, 1025, 3000) FROM n"
    );
    customers.upgrade();
    const std::string counts = "SELECT block || ':' || count AS x FROM ";
    CHECK(customers.text(counts + "customer_deleted ORDER BY block") == "0:2 1:1 2:1");

    OldFile books("inventory");
    books.db.execute(
        numbers +
        "INSERT INTO book(name, stock, received, deleted) SELECT 'b', 0, 0, i > 2040 FROM n"
    );
    books.upgrade();
    CHECK(books.text(counts + "book_deleted ORDER BY block") == "1:8 2:952");
}

TEST_CASE(
    "what an older file does not say of its customers is to be filled in, and of a new one nothing"
) {
    const std::string left = "SELECT what AS x FROM unfilled";
    for (const std::string context : {"delivery", "payment", "payment_history"}) {
        CAPTURE(context);
        OldFile fresh(context);
        fresh.upgrade();
        CHECK(fresh.text(left) == "");

        OldFile file(context);
        file.db.execute("INSERT INTO subscription VALUES ('a', 1)");
        file.db.execute(
            context == "delivery"
                ? "INSERT INTO delivery(order_id, address, status) VALUES (7, 'seoul', 'Shipped')"
            : context == "payment"
                ? "INSERT INTO payment(order_id, status, key, trace) VALUES (7, 'a', 'k', '')"
                : "INSERT INTO payment_history(order_id, pay_status, payment_id) VALUES (7, 'a', 1)"
        );
        file.upgrade();
        CHECK(file.text(left) == "customers");
        CHECK(
            file.text("SELECT order_id AS x FROM " + context + " WHERE customer_id IS NULL") == "7"
        );
    }
}

TEST_CASE("the base of a rebuild that is older than a column gets it, its rows as they were") {
    MemoryVfs vfs;
    storage::Connection db("old.db", storage::Connection::Mode::read_write, vfs.name());
    const kernel::RebuildTables tables("model", "t");
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER, UNIQUE (b, id)) STRICT");
    CHECK(tables.is_base_up_to_date(db));
    tables.bring_base_up_to_date(db);
    CHECK_FALSE(tables.has_base(db));

    db.execute("CREATE TABLE t_base(id INTEGER PRIMARY KEY, a TEXT) STRICT");
    db.execute("INSERT INTO t_base VALUES (3, 'x'), (5, 'y')");
    CHECK_FALSE(tables.is_base_up_to_date(db));
    tables.bring_base_up_to_date(db);
    CHECK(tables.is_base_up_to_date(db));
    CHECK(
        db.query_text("SELECT group_concat(id || a || (b IS NULL), ' ') FROM t_base") == "3x1 5y1"
    );
    tables.bring_base_up_to_date(db);
    CHECK(db.query_text("SELECT count(*) FROM t_base") == "2");
}

TEST_CASE("the events of an older log are found by order, and so are those that follow") {
    MemoryVfs vfs;
    const std::vector<std::string> sources{"topic"};
    {
        storage::Connection db("topic.db", storage::Connection::Mode::read_write, vfs.name());
        std::vector<Migration> first;
        for (const Migration& migration : storage::embedded_migrations()) {
            if (migration.number == 1) {
                first.push_back(migration);
            }
        }
        storage::migrate(db, "topic.db", sources, 1, first);
        db.execute(
            "INSERT INTO event(type, source, source_position, key, time, trace, payload) "
            "SELECT 'Noted', 'order', key + 1, value, 5, '', '{}' "
            "FROM json_each('[\"order-1\",\"book-1\",\"order-2\",\"order-1\"]')"
        );
        db.execute("INSERT INTO relayed VALUES ('order', 4)");
    }
    storage::Database::Options options;
    options.path = "topic.db";
    options.vfs = vfs.name();
    options.migrations = sources;
    bus::Topic topic(options);
    host::OrderIndex index;
    topic.keep(index);
    std::vector<bus::Envelope> events(3);
    for (std::size_t i = 0; i < events.size(); ++i) {
        events[i].source = "order";
        events[i].source_position = static_cast<std::int64_t>(i) + 5;
        events[i].key = std::vector<std::string>{"order-1", "order-3", "order-2"}[i];
    }
    topic.append(events);
    const auto positions = [&](std::int64_t order) {
        std::string all;
        for (const bus::Envelope& event : host::OrderIndex::events_of(topic, order)) {
            all += std::to_string(event.position) + " ";
        }
        return all;
    };
    CHECK(positions(1) == "1 4 5 ");
    CHECK(positions(2) == "3 7 ");
    CHECK(positions(3) == "6 ");
}

}  // namespace bookstore::test
