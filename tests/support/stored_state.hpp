#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bookstore::test {

/// Everything that the files of a data directory hold, read with SQLite alone: what a test may know
/// without believing the program.
struct StoredState {
    struct Customer {
        std::int64_t id;
        std::string name;
        bool deleted;
    };
    struct MyPage {
        std::int64_t id;
        std::int64_t customer_id;
        std::int64_t order_id;
        std::int64_t book_id;
        std::int64_t quantity;
        std::string address;
        std::string order_status;
        std::optional<std::string> delivery_status;
        std::optional<std::int64_t> delivery_id;
        std::optional<std::int64_t> pay_amount;
        std::optional<std::string> pay_status;
        std::int64_t ordered_at;
    };
    struct Book {
        std::int64_t id;
        std::string name;
        std::int64_t stock;
        std::int64_t received;
        bool deleted;
    };
    struct StockInput {
        std::int64_t id;
        std::int64_t book_id;
        std::int64_t quantity;
        std::optional<std::string> in_charger;
    };
    struct Deliverable {
        std::int64_t id;
        std::int64_t order_id;
        std::int64_t book_id;
        std::int64_t quantity;
        std::string status;
    };
    struct Order {
        std::int64_t id;
        std::int64_t book_id;
        std::int64_t customer_id;
        std::int64_t quantity;
        std::string address;
        std::string status;
        std::optional<std::int64_t> pay_amount;
        std::optional<std::string> pay_type;
        bool was_ordered;
        bool to_verify;  ///< a task asks again soon: not one that was refused, after an hour

        bool unverified() const { return status.ends_with("_Not_Verified"); }
        bool canceled() const { return status == "CANCELED"; }
    };
    struct Delivery {
        std::int64_t id;
        std::int64_t order_id;
        std::string address;
        std::string status;
    };
    struct Payment {
        std::int64_t id;
        std::int64_t order_id;
        std::optional<std::int64_t> amount;
        std::string status;
        std::optional<std::string> type;
        std::string key;
        bool under_way;  ///< VAN is to be asked
    };
    struct History {
        std::int64_t id;
        std::int64_t order_id;
        std::string status;
        std::int64_t payment_id;
    };
    struct LedgerEntry {
        std::optional<std::int64_t> amount;
        std::string answer;
        bool canceled;
    };
    struct Event {
        std::int64_t position;
        std::string type;
        std::string source;
        std::int64_t source_position;
        std::string key;
        std::int64_t time_ms;
        boost::json::object payload;
    };
    /// The bus tables of one module.
    struct Bus {
        std::int64_t published;   ///< the highest position that its outbox ever gave out
        std::int64_t outbox_end;  ///< the highest position still in the outbox; 0: empty
        std::int64_t held;
        std::map<std::string, std::int64_t> cursors;
    };

    std::vector<Customer> customers;
    std::int64_t customers_deleted = 0;
    std::vector<MyPage> my_pages;
    std::vector<Book> books;
    std::int64_t books_deleted = 0;
    std::vector<StockInput> stock_inputs;
    std::vector<Deliverable> deliverables;
    std::int64_t books_being_served = 0;
    std::vector<Order> orders;
    std::vector<Delivery> deliveries;
    std::vector<Payment> payments;
    std::vector<History> histories;
    std::map<std::string, LedgerEntry> ledger;
    std::vector<Event> events;
    std::map<std::string, std::int64_t> relayed;
    std::map<std::string, Bus> modules;
};

/// Reads them all, read-only; `vfs` names SQLite's file system, empty is the default one.
/// Throws std::runtime_error when a file cannot be read.
StoredState read_stored_state(const std::string& data_dir, const std::string& vfs = {});
/// Of a system in several processes: each file is in one of them, and the topic is the first one's.
StoredState read_stored_state(
    const std::vector<std::string>& data_dirs, const std::string& vfs = {}
);

/// The path of that file in the directory that has it; in the first, when none has.
std::string file_in(const std::vector<std::string>& data_dirs, const std::string& name);

}  // namespace bookstore::test
