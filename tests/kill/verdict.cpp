#include "verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "support/bookstore_process.hpp"
#include "support/invariants.hpp"
#include "support/sqlite_reader.hpp"
#include "support/stored_state.hpp"

namespace bookstore::test {
namespace {

using Faults = std::vector<std::string>;
using Directories = std::vector<std::string>;

/// The row of that id: ids are contiguous from 1.
template <class Row>
const Row* row_of(const std::vector<Row>& rows, std::int64_t id) {
    return id >= 1 && id <= static_cast<std::int64_t>(rows.size())
               ? &rows[static_cast<std::size_t>(id - 1)]
               : nullptr;
}

void check_orders(const StoredState& state, const Promises& promises, Faults& faults) {
    for (const auto& [id, promised] : promises.orders) {
        const auto* order = row_of(state.orders, id);
        if (order == nullptr || order->book_id != promised.book_id ||
            order->customer_id != promised.customer_id || order->quantity != promised.quantity ||
            order->address != promised.address || order->pay_amount != promised.pay_cents) {
            faults.push_back(fmt::format("order {} is not what was promised", id));
        }
    }
    for (const std::int64_t id : promises.canceled) {
        const auto* order = row_of(state.orders, id);
        if (order == nullptr || !order->canceled()) {
            faults.push_back(fmt::format("order {} was canceled (204) and is not", id));
        }
    }
}

/// Each key made one order at most; repeated or not, answered or not.
void check_keys(const StoredState& state, const Promises& promises, Faults& faults) {
    std::map<std::string, int> times;
    for (const auto& order : state.orders) {
        ++times[order.address];
    }
    for (const Promises::Keyed& keyed : promises.keyed) {
        if (const int orders = times[keyed.order.address]; orders > 1) {
            faults.push_back(fmt::format("the key {} made {} orders", keyed.key, orders));
        }
    }
}

void check_catalogue(const StoredState& state, const Promises& promises, Faults& faults) {
    for (const auto& [id, name] : promises.customers) {
        const auto* customer = row_of(state.customers, id);
        if (customer == nullptr || customer->name != name ||
            customer->deleted < promises.deleted_customers.contains(id)) {
            faults.push_back(fmt::format("customer {} is not what was promised", id));
        }
    }
    for (const auto& [id, input] : promises.stock_inputs) {
        const auto* stored = row_of(state.stock_inputs, id);
        if (stored == nullptr || stored->book_id != input.book_id ||
            stored->quantity != input.quantity) {
            faults.push_back(fmt::format("stock input {} is not what was promised", id));
        }
    }
    for (const auto& [id, stock] : promises.books) {
        const auto* book = row_of(state.books, id);
        if (book == nullptr || book->deleted < promises.deleted_books.contains(id)) {
            faults.push_back(fmt::format("book {} is not what was promised", id));
            continue;
        }
        std::int64_t received = stock;
        for (const auto& input : state.stock_inputs) {
            received += input.book_id == id ? input.quantity : 0;
        }
        if (book->received != received && !promises.corrected_books.contains(id)) {
            faults.push_back(
                fmt::format("book {} received {}, not {}", id, book->received, received)
            );
        }
    }
}

void check_moves(const StoredState& state, const Promises& promises, Faults& faults) {
    std::set<std::pair<std::int64_t, std::string>> published;
    for (const auto& event : state.events) {
        if (event.type == "DeliveryStatusChanged") {
            published.emplace(
                event.payload.at("id").as_int64(), event.payload.at("deliveryStatus").as_string()
            );
        }
    }
    for (const auto& [delivery, status] : promises.moves) {
        if (!published.contains({delivery, status})) {
            faults.push_back(
                fmt::format("delivery {} was moved to {} (200), no event says so", delivery, status)
            );
        }
    }
}

void check_files(const std::string& data_dir, Faults& faults) {
    for (const auto& file : std::filesystem::directory_iterator(data_dir)) {
        if (file.path().extension() != ".db") {
            continue;
        }
        Sqlite db(file.path().string());
        db.rows("PRAGMA integrity_check", [&](const Sqlite::Row& row) {
            if (row.text(0) != "ok") {
                faults.push_back(fmt::format("{}: {}", file.path().string(), row.text(0)));
            }
        });
    }
}

/// Every row of a read model, as text.
std::string rows_of(const std::string& path, const std::string& table, int columns) {
    std::string all;
    Sqlite db(path);
    db.rows("SELECT * FROM " + table + " ORDER BY id", [&](const Sqlite::Row& row) {
        for (int column = 0; column < columns; ++column) {
            all += row.null(column) ? "null|" : row.text(column) + "|";
        }
        all += '\n';
    });
    return all;
}

void check_rebuild(
    const Directories& data_dirs,
    const std::string& read_model,
    const std::string& file,
    const std::string& table,
    int columns,
    Faults& faults
) {
    const std::string path = file_in(data_dirs, file);
    const std::string data_dir = std::filesystem::path(path).parent_path();
    const std::string before = rows_of(path, table, columns);
    const auto done = run_bookstore({"rebuild", read_model, "--data-dir", data_dir});
    if (done.status != 0) {
        faults.push_back("rebuild " + read_model + ": " + done.error);
    } else if (rows_of(path, table, columns) != before) {
        faults.push_back(read_model + " is another one after a rebuild");
    }
}

/// Every process of a split has the same log.
void check_printed(const Directories& data_dirs, const StoredState& state, Faults& faults) {
    std::string first;
    for (const std::string& data_dir : data_dirs) {
        const auto printed = run_bookstore({"events", "--from-beginning", "--data-dir", data_dir});
        const auto lines = static_cast<std::size_t>(std::ranges::count(printed.out, '\n'));
        if (lines != state.events.size()) {
            faults.push_back(fmt::format(
                "{}: {} events, {} printed {}", data_dir, state.events.size(), lines, printed.error
            ));
        }
        if (data_dir == data_dirs.front()) {
            first = printed.out;
        } else if (printed.out != first) {
            faults.push_back(data_dir + " has another log than " + data_dirs.front());
        }
    }
}

}  // namespace

bool at_rest(const std::vector<std::string>& data_dirs) {
    const StoredState state = read_stored_state(data_dirs);
    return std::ranges::none_of(state.orders, &StoredState::Order::to_verify) &&
           all_hold(data_dirs);
}

Faults faults_in(const std::vector<std::string>& data_dirs, const Promises& promises) {
    Faults faults = promises.broken;
    const StoredState state = read_stored_state(data_dirs);
    std::ranges::move(violated_invariants(data_dirs), std::back_inserter(faults));
    check_orders(state, promises, faults);
    check_keys(state, promises, faults);
    check_catalogue(state, promises, faults);
    check_moves(state, promises, faults);
    check_rebuild(data_dirs, "my-page", "customer.db", "my_page", 13, faults);
    check_rebuild(data_dirs, "payment-history", "payment_history.db", "payment_history", 4, faults);
    for (const std::string& data_dir : data_dirs) {
        check_files(data_dir, faults);
    }
    check_printed(data_dirs, state, faults);
    return faults;
}

}  // namespace bookstore::test
