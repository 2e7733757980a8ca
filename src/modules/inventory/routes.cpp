#include "modules/inventory/routes.hpp"

#include <fmt/format.h>

#include "kernel/fields.hpp"
#include "kernel/paging.hpp"
#include "modules/inventory/allocation.hpp"
#include "modules/inventory/events.hpp"
#include "modules/inventory/store.hpp"

namespace bookstore::inventory {
namespace {

using bus::UnitOfWork;
using http::Answer;
using http::Method;
using http::Request;
using kernel::CollectionWriter;
using kernel::Next;
using kernel::Write;

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

http::Problem field_problem(std::string field, std::string message, std::int64_t value) {
    return {
        .status = 400,
        .message = "1 field is invalid",
        .errors = {{std::move(field), std::move(message), std::to_string(value)}}
    };
}

// ---- books

/// GET /books
Answer list_books(const Request& request, storage::Connection& db) {
    return store::book_pages
        .answer(request, books, db, [](CollectionWriter& writer, storage::Statement& row) {
            const Book book = store::book_in(row);
            writer.add(book.id, book);
        });
}

/// GET /books/{id}
Answer show_book(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto book = store::find_book(db, *id);
    if (!book) {
        return kernel::not_found(books, *id);
    }
    return kernel::item_response(request, books, *id, *book);
}

/// POST /books: 201, BookRegistered.
Next register_book(const Request& request, storage::Connection&) {
    auto body = book_fields().read(request);
    if (!body) {
        return {body.error()};
    }
    return {Write{[&request, book = *body](UnitOfWork& work) -> Answer {
        const std::int64_t id = store::insert_book(work.db(), book);
        work.publish(BookRegistered{id, book.book_name, book.stock});
        return kernel::item_response(request, books, id, book, {}, 201);
    }}};
}

/// Raised stock is an InventoryIncreased and serves who waits; lowered stock or a new name is
/// neither.
void apply_change(UnitOfWork& work, const Book& before, const Book& after) {
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
}

/// PUT (the whole) and PATCH (a merge) of /books/{id}. The answer shows the stock after waiting
/// orders were served.
Next change_book(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return {id.error()};
    }
    if (!store::find_book(db, *id)) {
        return {kernel::not_found(books, *id)};
    }
    Book wanted;
    const bool patch = request.method == Method::patch;
    if (auto problem =
            patch ? book_fields().patch(request, wanted) : book_fields().replace(request, wanted)) {
        return {*problem};
    }
    return {Write{[&request, id = *id](UnitOfWork& work) -> Answer {
        const auto before = store::find_book(work.db(), id);
        if (!before) {
            return kernel::not_found(books, id);
        }
        Book after = *before;
        book_fields().patch(request, after);  // the body was checked before
        apply_change(work, *before, after);
        return kernel::item_response(request, books, id, store::find_book(work.db(), id).value());
    }}};
}

/// DELETE /books/{id}: 204, BookDeleted; 409 while orders wait for it.
Next delete_book(const Request& request, storage::Connection&) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return {id.error()};
    }
    return {Write{[id = *id](UnitOfWork& work) -> Answer {
        if (!store::find_book(work.db(), id)) {
            return kernel::not_found(books, id);
        }
        if (const std::int64_t waiting = store::count_waiting(work.db(), id); waiting > 0) {
            return kernel::problem(
                409,
                fmt::format(
                    "{} order{} for book {} (Stock_Lacked); put in stock or cancel {} first",
                    waiting,
                    waiting == 1 ? " waits" : "s wait",
                    id,
                    waiting == 1 ? "it" : "them"
                )
            );
        }
        store::mark_deleted(work.db(), id);
        work.publish(BookDeleted{id});
        return kernel::no_content();
    }}};
}

// ---- stock inputs

void add_input(CollectionWriter& writer, storage::Statement& row) {
    const StockInput input = store::input_in(row);
    writer.add(input.id, input);
}

/// GET /stockInputs
Answer list_inputs(const Request& request, storage::Connection& db) {
    return store::input_pages.answer(request, stock_inputs, db, add_input);
}

/// GET /stockInputs/{id}
Answer show_input(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto input = store::find_input(db, *id);
    if (!input) {
        return kernel::not_found(stock_inputs, *id);
    }
    return kernel::item_response(request, stock_inputs, *id, *input);
}

/// POST /stockInputs: 201, InventoryIncreased, and whoever waits is served.
Next put_in_stock(const Request& request, storage::Connection&) {
    auto body = stock_input_fields().read(request);
    if (!body) {
        return {body.error()};
    }
    return {Write{[&request, input = *body](UnitOfWork& work) mutable -> Answer {
        const auto book = store::find_book(work.db(), input.book_id);
        if (!book) {
            return field_problem(
                "bookId", fmt::format("there is no book {}", input.book_id), input.book_id
            );
        }
        if (input.quantity > kernel::max_integer - book->stock) {
            return field_problem(
                "quantity",
                fmt::format("the stock of {} would exceed {}", book->stock, kernel::max_integer),
                input.quantity
            );
        }
        input.id = store::insert_input(work.db(), input);
        store::receive(work.db(), input.book_id, input.quantity);
        work.publish(InventoryIncreased{input.book_id, book->stock + input.quantity});
        serve_waiting(work, input.book_id);
        return kernel::item_response(request, stock_inputs, input.id, input, {}, 201);
    }}};
}

// ---- deliverables

void add_deliverable(CollectionWriter& writer, storage::Statement& row) {
    const Deliverable deliverable = store::deliverable_in(row);
    writer.add(deliverable.id, deliverable);
}

/// GET /deliverables
Answer list_deliverables(const Request& request, storage::Connection& db) {
    return store::deliverable_pages.answer(request, deliverables, db, add_deliverable);
}

/// GET /deliverables/{id}
Answer show_deliverable(const Request& request, storage::Connection& db) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto deliverable = store::find_deliverable(db, *id);
    if (!deliverable) {
        return kernel::not_found(deliverables, *id);
    }
    return kernel::item_response(request, deliverables, *id, *deliverable);
}

/// GET /deliverables/search/findByOrderId?orderId=N
Answer find_deliverable_by_order(const Request& request, storage::Connection& db) {
    const auto id = kernel::query_id(request, "orderId");
    if (!id) {
        return id.error();
    }
    const auto deliverable = store::find_deliverable_of_order(db, *id);
    if (!deliverable) {
        return kernel::problem(404, fmt::format("there is no deliverable of order {}", *id));
    }
    return kernel::item_response(request, deliverables, deliverable->id, *deliverable);
}

}  // namespace

void add_book_routes(kernel::Module& module) {
    module.query(Method::get, "/books", list_books);
    module.query(Method::get, "/books/{id}", show_book);
    module.command(Method::post, "/books", register_book);
    module.command(Method::put, "/books/{id}", change_book);
    module.command(Method::patch, "/books/{id}", change_book, http::Consumes::merge_patch);
    module.command(
        Method::del, "/books/{id}", delete_book, http::Consumes::nothing, http::Produces::nothing
    );
}

void add_stock_input_routes(kernel::Module& module) {
    module.query(Method::get, "/stockInputs", list_inputs);
    module.query(Method::get, "/stockInputs/{id}", show_input);
    module.command(Method::post, "/stockInputs", put_in_stock);
}

void add_deliverable_routes(kernel::Module& module) {
    module.query(Method::get, "/deliverables", list_deliverables);
    module.query(Method::get, "/deliverables/{id}", show_deliverable);
    module.query(Method::get, "/deliverables/search/findByOrderId", find_deliverable_by_order);
    kernel::add_search(module, deliverables, {{"findByOrderId", "{?orderId}"}});
}

}  // namespace bookstore::inventory
