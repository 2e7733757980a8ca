#include "modules/inventory/store.hpp"

#include <stdexcept>

namespace bookstore::inventory::store {
namespace {

using storage::Sql;

constexpr auto file = "inventory";

const std::string select_books = "SELECT id, name, stock FROM book";
const Sql select_book{file, select_books + " WHERE id = ?1 AND NOT deleted"};
const Sql select_stock{file, "SELECT stock FROM book WHERE id = ?1"};
const Sql insert_into_book{file, "INSERT INTO book(name, stock, received) VALUES (?1, ?2, ?2)"};
const Sql insert_lost{
    file, "INSERT OR IGNORE INTO book(id, name, stock, received) VALUES (?1, ?2, ?3, ?3)"
};
const Sql update_name{file, "UPDATE book SET name = ?2 WHERE id = ?1"};
const Sql update_received{
    file, "UPDATE book SET stock = stock + ?2, received = received + ?2 WHERE id = ?1"
};
const Sql update_stock{file, "UPDATE book SET stock = stock + ?2 WHERE id = ?1"};
const Sql delete_book{file, "UPDATE book SET deleted = 1 WHERE id = ?1"};

const std::string select_inputs = "SELECT id, book_id, quantity, in_charger FROM stock_input";
const Sql select_input{file, select_inputs + " WHERE id = ?1"};
const Sql insert_into_input{
    file, "INSERT INTO stock_input(book_id, quantity, in_charger) VALUES (?1, ?2, ?3)"
};

const std::string select_deliverables =
    "SELECT id, order_id, book_id, quantity, status FROM deliverable";
const Sql select_deliverable{file, select_deliverables + " WHERE id = ?1"};
const Sql select_deliverable_of_order{file, select_deliverables + " WHERE order_id = ?1"};
const Sql insert_into_deliverable{
    file, "INSERT INTO deliverable(order_id, book_id, quantity, status) VALUES (?1, ?2, ?3, ?4)"
};
const Sql update_status{file, "UPDATE deliverable SET status = ?2 WHERE id = ?1"};
const Sql select_waiting_count{
    file, "SELECT count(*) FROM deliverable WHERE book_id = ?1 AND status = 'Stock_Lacked'"
};
const Sql select_waiting{
    file,
    select_deliverables +
        " WHERE book_id = ?1 AND status = 'Stock_Lacked' AND order_id > ?2 "
        "ORDER BY order_id LIMIT ?3"
};

const Sql select_serving{file, "SELECT after_order FROM serving WHERE book_id = ?1"};
const Sql upsert_serving{
    file,
    "INSERT INTO serving(book_id, after_order, next_try, trace) VALUES (?1, ?2, ?3, ?4) "
    "ON CONFLICT (book_id) DO UPDATE SET after_order = excluded.after_order, "
    "next_try = excluded.next_try, trace = excluded.trace"
};
const Sql delete_serving{file, "DELETE FROM serving WHERE book_id = ?1"};
const Sql select_serving_due{
    file,
    "SELECT book_id, trace FROM serving WHERE next_try > ?1 AND next_try <= ?2 "
    "ORDER BY next_try LIMIT ?3"
};
const Sql select_serving_next{
    file, "SELECT next_try FROM serving WHERE next_try > ?1 ORDER BY next_try LIMIT 1"
};

template <class T>
std::optional<T> one(
    storage::Connection& db, const Sql& sql, std::int64_t key, T (*read)(storage::Statement&)
) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? std::optional(read(row)) : std::nullopt;
}

std::optional<std::int64_t> number(storage::Connection& db, const Sql& sql, std::int64_t key) {
    auto row = db.prepare(sql);
    row.bind(key);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
}

}  // namespace

const kernel::DeletablePages book_pages{
    file, select_books, "book", "bookId", {{"bookName", {"name", "id"}}, {"stock", {"stock", "id"}}}
};
const kernel::TablePages input_pages{file, select_inputs, "id", "stock_input", "id"};
const kernel::TablePages deliverable_pages{file, select_deliverables, "id", "deliverable", "id"};

Book book_in(storage::Statement& row) {
    return {.id = row.integer(0), .book_name = row.string(1), .stock = row.integer(2)};
}

StockInput input_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .book_id = row.integer(1),
        .quantity = row.integer(2),
        .in_charger = row.optional_string(3)
    };
}

Deliverable deliverable_in(storage::Statement& row) {
    return {
        .id = row.integer(0),
        .order_id = row.integer(1),
        .book_id = row.integer(2),
        .quantity = row.integer(3),
        .status = parse_word<DeliverableStatus>(row.text(4)).value()
    };
}

std::optional<Book> find_book(storage::Connection& db, std::int64_t id) {
    return one(db, select_book, id, book_in);
}

std::optional<std::int64_t> stock_of(storage::Connection& db, std::int64_t book_id) {
    return number(db, select_stock, book_id);
}

std::int64_t insert_book(storage::Connection& db, const Book& book) {
    db.prepare(insert_into_book).bind(book.book_name, book.stock).run();
    return db.last_insert_id();
}

void insert_lost_book(storage::Connection& db, const Book& book) {
    db.prepare(insert_lost).bind(book.id, book.book_name, book.stock).run();
}

void rename_book(storage::Connection& db, std::int64_t id, std::string_view name) {
    db.prepare(update_name).bind(id, name).run();
}

void receive(storage::Connection& db, std::int64_t book_id, std::int64_t quantity) {
    db.prepare(update_received).bind(book_id, quantity).run();
}

void move_stock(storage::Connection& db, std::int64_t book_id, std::int64_t quantity) {
    db.prepare(update_stock).bind(book_id, quantity).run();
}

void mark_deleted(storage::Connection& db, std::int64_t id) {
    db.prepare(delete_book).bind(id).run();
    book_pages.count_deleted(db, id);
}

std::int64_t insert_input(storage::Connection& db, const StockInput& input) {
    db.prepare(insert_into_input).bind(input.book_id, input.quantity, input.in_charger).run();
    return db.last_insert_id();
}

std::optional<StockInput> find_input(storage::Connection& db, std::int64_t id) {
    return one(db, select_input, id, input_in);
}

void insert_deliverable(storage::Connection& db, const Deliverable& deliverable) {
    db.prepare(insert_into_deliverable)
        .bind(
            deliverable.order_id,
            deliverable.book_id,
            deliverable.quantity,
            word(deliverable.status)
        )
        .run();
}

void set_status(storage::Connection& db, std::int64_t id, DeliverableStatus status) {
    db.prepare(update_status).bind(id, word(status)).run();
}

std::optional<Deliverable> find_deliverable(storage::Connection& db, std::int64_t id) {
    return one(db, select_deliverable, id, deliverable_in);
}

std::optional<Deliverable> find_deliverable_of_order(
    storage::Connection& db, std::int64_t order_id
) {
    return one(db, select_deliverable_of_order, order_id, deliverable_in);
}

std::int64_t count_waiting(storage::Connection& db, std::int64_t book_id) {
    return number(db, select_waiting_count, book_id).value_or(0);
}

std::vector<Deliverable> waiting(
    storage::Connection& db, std::int64_t book_id, std::int64_t after_order, std::size_t limit
) {
    std::vector<Deliverable> rows;
    auto row = db.prepare(select_waiting);
    row.bind(book_id, after_order, limit);
    while (row.step()) {
        rows.push_back(deliverable_in(row));
    }
    return rows;
}

std::optional<std::int64_t> serving_after(storage::Connection& db, std::int64_t book_id) {
    return number(db, select_serving, book_id);
}

void set_serving(
    storage::Connection& db,
    std::int64_t book_id,
    std::int64_t after_order,
    std::int64_t now_ms,
    std::string_view trace
) {
    db.prepare(upsert_serving).bind(book_id, after_order, now_ms, trace).run();
}

void end_serving(storage::Connection& db, std::int64_t book_id) {
    db.prepare(delete_serving).bind(book_id).run();
}

std::vector<Serving> serving_due(storage::Connection& db, bus::DueSpan span, std::size_t limit) {
    std::vector<Serving> books;
    auto row = db.prepare(select_serving_due);
    row.bind(span.after_ms, span.to_ms, limit);
    while (row.step()) {
        books.push_back({row.integer(0), row.string(1)});
    }
    return books;
}

std::optional<std::int64_t> serving_next(storage::Connection& db, std::int64_t now_ms) {
    return number(db, select_serving_next, now_ms);
}

}  // namespace bookstore::inventory::store
