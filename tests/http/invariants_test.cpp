#include "support/invariants.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "story.hpp"
#include "support/sqlite_reader.hpp"

// The checker itself: it must see each kind of damage.

using namespace bookstore::test;

namespace {

struct Damage {
    const char* file;
    const char* sql;
};

/// What is done to the files, each to a copy of its own.
constexpr Damage damages[] = {
    {"order", "UPDATE orders SET status = 'CANCELED' WHERE id = 1"},
    {"order", "UPDATE orders SET status = 'ORDERED' WHERE id = 1"},
    {"order", "UPDATE orders SET status = 'Shipped' WHERE id = 2"},
    {"order", "UPDATE orders SET next_try = 1 WHERE id = 2"},
    {"order", "UPDATE orders SET pay_amount = 1 WHERE id = 1"},
    {"order", "DELETE FROM orders WHERE id = 3"},
    {"delivery", "DELETE FROM delivery WHERE order_id = 1"},
    {"delivery", "UPDATE delivery SET status = 'Shipped' WHERE order_id = 2"},
    {"delivery", "UPDATE delivery SET status = 'Delivered' WHERE order_id = 1"},
    {"delivery", "UPDATE delivery SET address = 'seoul' WHERE order_id = 1"},
    {"payment", "UPDATE payment SET status = 'PAYMENT_COMPLETED' WHERE order_id = 2"},
    {"payment", "UPDATE payment SET status = 'PAYMENT_REQUESTED' WHERE order_id = 1"},
    {"payment", "UPDATE payment SET amount = 7 WHERE order_id = 1"},
    {"payment", "UPDATE payment SET call = 'refund', next_try = 1 WHERE order_id = 1"},
    {"payment", "DELETE FROM payment WHERE order_id = 3"},
    {"van", "DELETE FROM ledger"},
    {"van", "UPDATE ledger SET canceled = 1 - canceled"},
    {"van", "UPDATE ledger SET amount = amount + 1"},
    {"van", "UPDATE ledger SET answer = 'PAYMENT_FAILED'"},
    {"payment_history", "DELETE FROM payment_history WHERE order_id = 2"},
    {"payment_history",
     "INSERT INTO payment_history(id, order_id, pay_status, payment_id) "
     "SELECT max(id) + 1, 1, 'PAYMENT_COMPLETED', 1 "
     "FROM payment_history"},
    {"inventory", "UPDATE book SET stock = stock + 1"},
    {"inventory", "UPDATE book SET stock = 10, received = received + 10 - stock"},
    {"inventory", "UPDATE deliverable SET status = 'Stock_Lacked' WHERE order_id = 1"},
    {"inventory", "UPDATE deliverable SET quantity = 3 WHERE order_id = 3"},
    {"inventory", "UPDATE deliverable SET status = 'Delivery_Prepared' WHERE order_id = 2"},
    {"inventory", "INSERT INTO serving(book_id, after_order, next_try) VALUES (1, 0, 0)"},
    {"customer", "UPDATE my_page SET order_status = 'ORDERED' WHERE order_id = 1"},
    {"customer", "UPDATE my_page SET delivery_status = NULL WHERE order_id = 1"},
    {"customer", "UPDATE my_page SET pay_status = NULL WHERE order_id = 2"},
    {"customer", "DELETE FROM my_page WHERE order_id = 3"},
    {"customer", "INSERT INTO customer(name) VALUES ('nobody')"},
    {"customer",
     "INSERT INTO held(subscription, position, source, source_position, key, type, "
     "time, trace, payload, attempts, error, first_try) "
     "VALUES ('my-page', 1, 'x', 1, 'k', 't', 0, '', '', 1, 'e', 0)"},
    {"customer", "UPDATE subscription SET position = 10000"},
    {"topic", "DELETE FROM event WHERE position = 3"},
    {"topic", "DELETE FROM event WHERE type = 'Ordered'"},
    {"topic", "UPDATE relayed SET position = position - 1 WHERE source = 'order'"},
    {"topic", "UPDATE event SET key = 'order-9' WHERE type = 'Payed'"},
    {"topic",
     "INSERT INTO event(type, source, source_position, key, time, trace, payload) "
     "SELECT type, source, source_position, key, time, trace, payload FROM event "
     "WHERE type = 'DeliveryPrepared'"},
};

}  // namespace

TEST_CASE("the invariants' checker sees every kind of damage") {
    Story story;
    story.given_customer();
    story.given_book(2);
    REQUIRE(story.order_becomes(story.place_order(1, 1, 2), "Shipped"));
    const auto canceled = story.place_order(1, 1, 1);
    REQUIRE(story.payment_becomes(canceled, "PAYMENT_COMPLETED"));
    story.cancel(canceled);
    story.place_order(1, 1, 4);
    REQUIRE(story.ends_with() == "");
    for (const auto& [file, sql] : damages) {
        CAPTURE(sql);
        const TemporaryDirectory copy;
        std::filesystem::copy(story.data_dir(), copy.path());
        Sqlite(copy.path() + "/" + file + ".db", Sqlite::Mode::write).run(sql);
        CHECK(!violated_invariants(copy.path()).empty());
    }
}
