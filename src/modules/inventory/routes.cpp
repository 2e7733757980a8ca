#include "modules/inventory/routes.hpp"

#include <fmt/format.h>

#include "kernel/collection.hpp"
#include "modules/inventory/allocation.hpp"
#include "modules/inventory/events.hpp"
#include "modules/inventory/store.hpp"

namespace bookstore::inventory {
namespace {

using bus::UnitOfWork;
using http::Problem;
using http::Role;

const kernel::Items<Book> book_items{
    .read = store::book_in,
    .find = store::find_book,
    .example = {.id = 1, .book_name = "Domain-Driven Design", .stock = 150}
};

const kernel::Items<StockInput> stock_input_items{
    .read = store::input_in,
    .find = store::find_input,
    .example = {.id = 1, .book_id = 1, .quantity = 20, .in_charger = "Kim"}
};

const kernel::Items<Deliverable> deliverable_items{
    .read = store::deliverable_in,
    .find = store::find_deliverable,
    .example =
        {.id = 1,
         .order_id = 1,
         .book_id = 1,
         .quantity = 100,
         .status = DeliverableStatus::delivery_prepared}
};

const kernel::Fields<Book>& book_fields() {
    static const auto fields =
        kernel::Fields<Book>().text("bookName", &Book::book_name).integer("stock", &Book::stock, 0);
    return fields;
}

const kernel::Fields<StockInput>& stock_input_fields() {
    static const auto fields = kernel::Fields<StockInput>()
                                   .integer("bookId", &StockInput::book_id, 1)
                                   .integer("quantity", &StockInput::quantity, 1)
                                   .text("inCharger", &StockInput::in_charger);
    return fields;
}

Problem field_problem(std::string field, std::string message, std::int64_t value) {
    return {
        .status = 400,
        .message = "1 field is invalid",
        .errors = {{std::move(field), std::move(message), std::to_string(value)}}
    };
}

// ---- books

/// Publishes BookRegistered.
std::expected<Book, Problem> register_book(UnitOfWork& work, const Book& body) {
    Book book = body;
    book.id = store::insert_book(work.db(), body);
    work.publish(BookRegistered{book.id, book.book_name, book.stock});
    return book;
}

/// Raised stock is an InventoryIncreased and serves who waits; lowered stock or a new name is
/// neither.
std::optional<Problem> change_book(UnitOfWork& work, const Book& before, const Book& after) {
    if (after.book_name != before.book_name) {
        store::rename_book(work.db(), before.id, after.book_name);
    }
    if (after.stock != before.stock) {
        store::receive(work.db(), before.id, after.stock - before.stock);
    }
    if (after.stock > before.stock) {
        work.publish(InventoryIncreased{before.id, after.stock});
        serve_waiting(work, before.id);
    }
    return std::nullopt;
}

/// Publishes BookDeleted; 409 while orders wait for the book.
std::optional<Problem> delete_book(UnitOfWork& work, const Book& book) {
    if (const std::int64_t waiting = store::count_waiting(work.db(), book.id); waiting > 0) {
        return kernel::problem(
            409,
            fmt::format(
                "{} order{} for book {} (Stock_Lacked); put in stock or cancel {} first",
                waiting,
                waiting == 1 ? " waits" : "s wait",
                book.id,
                waiting == 1 ? "it" : "them"
            )
        );
    }
    store::mark_deleted(work.db(), book.id);
    work.publish(BookDeleted{book.id});
    return std::nullopt;
}

// ---- stock inputs

/// Publishes InventoryIncreased, and whoever waits is served.
std::expected<StockInput, Problem> put_in_stock(UnitOfWork& work, const StockInput& body) {
    const auto book = store::find_book(work.db(), body.book_id);
    if (!book) {
        return std::unexpected(
            field_problem("bookId", fmt::format("there is no book {}", body.book_id), body.book_id)
        );
    }
    if (body.quantity > kernel::max_integer - book->stock) {
        return std::unexpected(field_problem(
            "quantity",
            fmt::format("the stock of {} would exceed {}", book->stock, kernel::max_integer),
            body.quantity
        ));
    }
    StockInput input = body;
    input.id = store::insert_input(work.db(), body);
    store::receive(work.db(), input.book_id, input.quantity);
    work.publish(InventoryIncreased{input.book_id, book->stock + input.quantity});
    serve_waiting(work, input.book_id);
    return input;
}

}  // namespace

void add_book_routes(kernel::Module& module) {
    kernel::Collection<Book>(
        module, books, book_items, {http::Audience::everybody, Role::book_manager}
    )
        .list(store::book_pages)
        .show()
        .create(book_fields(), {.id = "registerBook", .summary = "Register a book"}, register_book)
        .change(
            book_fields(),
            {.id = "Book",
             .summary = "a book",
             .description = "Raised stock serves the orders that wait for it; the answer shows the "
                            "stock after that."},
            change_book
        )
        .remove(
            {.id = "deleteBook",
             .summary = "Delete a book",
             .description = "What already refers to it goes on.",
             .replies = {{.status = 409, .description = "orders wait for its stock"}}},
            delete_book
        );
}

void add_stock_input_routes(kernel::Module& module) {
    kernel::Collection<StockInput>(module, stock_inputs, stock_input_items, Role::book_manager)
        .list(store::input_pages)
        .show()
        .create(
            stock_input_fields(),
            {.id = "putInStock",
             .summary = "Put in stock",
             .description = "Orders that wait for the book are served, the oldest first."},
            put_in_stock
        );
}

void add_deliverable_routes(kernel::Module& module) {
    kernel::Collection<Deliverable>(module, deliverables, deliverable_items, Role::book_manager)
        .list(store::deliverable_pages)
        .show()
        .find_one("findByOrderId", "orderId", store::find_deliverable_of_order);
}

}  // namespace bookstore::inventory
