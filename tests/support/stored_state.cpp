#include "support/stored_state.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <map>

#include "support/sqlite_reader.hpp"

namespace bookstore::test {
namespace {

using Row = Sqlite::Row;

StoredState::Bus read_bus(Sqlite& db) {
    StoredState::Bus bus{
        .published = db.number("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"),
        .outbox_end = db.number("SELECT max(position) FROM outbox"),
        .held = db.number("SELECT count(*) FROM held"),
        .cursors = {}
    };
    db.rows("SELECT name, position FROM subscription", [&](const Row& row) {
        bus.cursors[row.text(0)] = row.integer(1);
    });
    return bus;
}

void read_customer(Sqlite& db, StoredState& state) {
    db.rows("SELECT id, name, deleted FROM customer ORDER BY id", [&](const Row& row) {
        state.customers.push_back({row.integer(0), row.text(1), row.flag(2)});
    });
    state.customers_deleted = db.number("SELECT coalesce(sum(count), 0) FROM customer_deleted");
    db.rows(
        "SELECT id, customer_id, order_id, book_id, quantity, delivery_address, order_status, "
        "delivery_status, delivery_id, pay_amount, pay_status, ordered_at FROM my_page ORDER BY id",
        [&](const Row& row) {
            state.my_pages.push_back(
                {row.integer(0),
                 row.integer(1),
                 row.integer(2),
                 row.integer(3),
                 row.integer(4),
                 row.text(5),
                 row.text(6),
                 row.optional_text(7),
                 row.optional_integer(8),
                 row.optional_integer(9),
                 row.optional_text(10),
                 row.integer(11)}
            );
        }
    );
}

void read_inventory(Sqlite& db, StoredState& state) {
    db.rows("SELECT id, name, stock, received, deleted FROM book ORDER BY id", [&](const Row& row) {
        state.books.push_back(
            {row.integer(0), row.text(1), row.integer(2), row.integer(3), row.flag(4)}
        );
    });
    state.books_deleted = db.number("SELECT coalesce(sum(count), 0) FROM book_deleted");
    state.books_being_served = db.number("SELECT count(*) FROM serving");
    db.rows(
        "SELECT id, book_id, quantity, in_charger FROM stock_input ORDER BY id",
        [&](const Row& row) {
            state.stock_inputs.push_back(
                {row.integer(0), row.integer(1), row.integer(2), row.optional_text(3)}
            );
        }
    );
    db.rows(
        "SELECT id, order_id, book_id, quantity, status FROM deliverable ORDER BY id",
        [&](const Row& row) {
            state.deliverables.push_back(
                {row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.text(4)}
            );
        }
    );
}

void read_order(Sqlite& db, StoredState& state) {
    db.rows(
        "SELECT id, book_id, customer_id, quantity, delivery_address, status, pay_amount, "
        "pay_type, "
        "was_ordered, next_try IS NOT NULL AND NOT refused FROM orders ORDER BY id",
        [&](const Row& row) {
            state.orders.push_back(
                {row.integer(0),
                 row.integer(1),
                 row.integer(2),
                 row.integer(3),
                 row.text(4),
                 row.text(5),
                 row.optional_integer(6),
                 row.optional_text(7),
                 row.flag(8),
                 row.flag(9)}
            );
        }
    );
}

void read_delivery(Sqlite& db, StoredState& state) {
    db.rows("SELECT id, order_id, address, status FROM delivery ORDER BY id", [&](const Row& row) {
        state.deliveries.push_back({row.integer(0), row.integer(1), row.text(2), row.text(3)});
    });
}

void read_payment(Sqlite& db, StoredState& state) {
    db.rows(
        "SELECT id, order_id, amount, status, type, key, call IS NOT NULL OR next_try IS NOT NULL "
        "FROM payment ORDER BY id",
        [&](const Row& row) {
            state.payments.push_back(
                {row.integer(0),
                 row.integer(1),
                 row.optional_integer(2),
                 row.text(3),
                 row.optional_text(4),
                 row.text(5),
                 row.flag(6)}
            );
        }
    );
}

void read_payment_history(Sqlite& db, StoredState& state) {
    db.rows(
        "SELECT id, order_id, pay_status, payment_id FROM payment_history ORDER BY id",
        [&](const Row& row) {
            state.histories.push_back({row.integer(0), row.integer(1), row.text(2), row.integer(3)}
            );
        }
    );
}

void read_van(Sqlite& db, StoredState& state) {
    db.rows("SELECT key, amount, answer, canceled FROM ledger", [&](const Row& row) {
        state.ledger[row.text(0)] = {row.optional_integer(1), row.text(2), row.flag(3)};
    });
}

void read_topic(Sqlite& db, StoredState& state) {
    db.rows(
        "SELECT position, type, source, source_position, key, time, payload FROM event "
        "ORDER BY position",
        [&](const Row& row) {
            state.events.push_back(
                {row.integer(0),
                 row.text(1),
                 row.text(2),
                 row.integer(3),
                 row.text(4),
                 row.integer(5),
                 boost::json::parse(row.text(6)).as_object()}
            );
        }
    );
    db.rows("SELECT source, position FROM relayed", [&](const Row& row) {
        state.relayed[row.text(0)] = row.integer(1);
    });
}

}  // namespace

std::string file_in(const std::vector<std::string>& data_dirs, const std::string& name) {
    const auto has = [&name](const std::string& directory) {
        return std::filesystem::exists(directory + "/" + name);
    };
    const auto found = std::ranges::find_if(data_dirs, has);
    return (found == data_dirs.end() ? data_dirs.front() : *found) + "/" + name;
}

StoredState read_stored_state(const std::string& data_dir, const std::string& vfs) {
    return read_stored_state(std::vector{data_dir}, vfs);
}

StoredState read_stored_state(const std::vector<std::string>& data_dirs, const std::string& vfs) {
    const std::map<std::string, void (*)(Sqlite&, StoredState&)> readers{
        {"customer", read_customer},
        {"inventory", read_inventory},
        {"order", read_order},
        {"delivery", read_delivery},
        {"payment", read_payment},
        {"payment_history", read_payment_history},
        {"van", read_van}
    };
    StoredState state;
    for (const auto& [name, read] : readers) {
        Sqlite db(file_in(data_dirs, name + ".db"), Sqlite::Mode::read, vfs);
        state.modules[name] = read_bus(db);
        read(db, state);
    }
    Sqlite topic(data_dirs.front() + "/topic.db", Sqlite::Mode::read, vfs);
    read_topic(topic, state);
    return state;
}

}  // namespace bookstore::test
