#include "support/stored_pages.hpp"

#include <fmt/format.h>

#include <map>
#include <stdexcept>

namespace bookstore::test {
namespace {

struct Table {
    std::string file;
    std::string name;
    bool has_deleted;
    std::map<std::string, std::string> columns;  ///< by the property that sorts
};

const Table& table_of(const std::string& collection) {
    static const std::map<std::string, Table> tables{
        {"customers",
         {"customer", "customer", true, {{"customerId", "id"}, {"customerName", "name"}}}},
        {"myPages", {"customer", "my_page", false, {{"id", "id"}, {"customerId", "customer_id"}}}},
        {"books",
         {"inventory", "book", true, {{"bookId", "id"}, {"bookName", "name"}, {"stock", "stock"}}}},
        {"stockInputs", {"inventory", "stock_input", false, {{"id", "id"}}}},
        {"deliverables", {"inventory", "deliverable", false, {{"id", "id"}}}},
        {"orders", {"order", "orders", false, {{"orderId", "id"}, {"customerId", "customer_id"}}}},
        {"deliveries", {"delivery", "delivery", false, {{"id", "id"}}}},
        {"payments", {"payment", "payment", false, {{"paymentId", "id"}}}},
        {"paymentHistories", {"payment_history", "payment_history", false, {{"id", "id"}}}}
    };
    const auto found = tables.find(collection);
    if (found == tables.end()) {
        throw std::runtime_error("no table is known of the collection " + collection);
    }
    return found->second;
}

}  // namespace

StoredRows::StoredRows(const std::string& data_dir, const Listing& listing)
    : db_(data_dir + "/" + table_of(listing.collection).file + ".db") {
    const Table& table = table_of(listing.collection);
    const auto column = table.columns.find(listing.sort);
    if (column == table.columns.end()) {
        throw std::runtime_error(
            fmt::format("no column is known of {} by {}", listing.collection, listing.sort)
        );
    }
    from_ = fmt::format(" FROM {} WHERE {}", table.name, table.has_deleted ? "deleted = 0" : "1");
    if (listing.customer_id) {
        from_ += fmt::format(" AND customer_id = {}", *listing.customer_id);
    }
    const auto* direction = listing.descending ? "DESC" : "ASC";
    order_ = fmt::format(" ORDER BY {0} {1}, id {1}", column->second, direction);
}

std::int64_t StoredRows::total() {
    return db_.number("SELECT count(*)" + from_);
}

std::vector<std::int64_t> StoredRows::ids(std::int64_t offset, std::int64_t count) {
    std::vector<std::int64_t> ids;
    db_.rows(
        fmt::format("SELECT id{}{} LIMIT {} OFFSET {}", from_, order_, count, offset),
        [&](const Sqlite::Row& row) { ids.push_back(row.integer(0)); }
    );
    return ids;
}

}  // namespace bookstore::test
