#include "fill.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "app/contexts.hpp"
#include "base/clock.hpp"
#include "bus/event.hpp"
#include "host/order_index.hpp"
#include "host/system.hpp"
#include "modules/customer/events.hpp"
#include "modules/delivery/events.hpp"
#include "modules/inventory/events.hpp"
#include "modules/order/events.hpp"
#include "modules/payment/events.hpp"
#include "storage/database.hpp"
#include "storage/directory.hpp"

namespace bookstore::bench {
namespace {

using storage::Sql;

constexpr std::string_view shipped = "Shipped";
constexpr std::string_view prepared = "Delivery_Prepared";
constexpr std::string_view completed = "PAYMENT_COMPLETED";
constexpr std::string_view pay_type = "ONCE";

/// One file of the directory, written in one transaction without a journal: nobody else has it, and
/// a directory that was not filled to its end is of no use anyway.
class File {
  public:
    File(const std::string& data_dir, const std::string& name)
        : path_(data_dir + "/" + name + ".db") {
        db_.emplace(path_, storage::Connection::Mode::read_write);
        db_->query_text("PRAGMA journal_mode = OFF");
        db_->execute("PRAGMA synchronous = OFF");
        db_->execute("PRAGMA cache_size = -262144");  // KiB: what bounds the memory
        db_->execute("BEGIN IMMEDIATE");
    }

    template <class... Args>
    void run(const Sql& sql, const Args&... args) {
        db_->prepare(sql).bind(args...).run();
    }
    void execute(const std::string& sql) { db_->execute(sql); }
    storage::Connection& connection() { return *db_; }

    /// Commits, closes, and waits until it is on disk. Once, at the end.
    void commit() {
        db_->execute("COMMIT");
        db_->query_text("PRAGMA journal_mode = WAL");
        db_.reset();
        const int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        const bool synced = fd >= 0 && ::fsync(fd) == 0;
        ::close(fd);
        if (!synced) {
            throw storage::Refused("cannot sync " + path_);
        }
    }

  private:
    std::string path_;
    std::optional<storage::Connection> db_;
};

/// By context.
using Subscriptions = std::map<std::string, std::vector<std::string>>;

/// Lets the program make its files; returns who reads the topic.
Subscriptions make_files(const std::string& data_dir) {
    const SystemClock clock;
    SystemRandom random;
    host::System system(app::contexts(), {.data_dir = data_dir}, clock, random, [](std::size_t) {});
    Subscriptions subscriptions;
    for (const auto& module : system.modules()) {
        auto& names = subscriptions[module->name()];
        for (const auto& subscription : module->subscriptions()) {
            names.push_back(subscription->name());
        }
    }
    return subscriptions;
}

// ---- the topic

const Sql insert_event{
    "topic",
    "INSERT INTO event(type, source, source_position, key, time, trace, payload) "
    "VALUES (?1, ?2, ?3, ?4, ?5, '', ?6)"
};
const Sql insert_relayed{"topic", "INSERT INTO relayed(source, position) VALUES (?1, ?2)"};

/// How many events each context published, and all of them.
struct Published {
    std::map<std::string, std::int64_t, std::less<>> by;
    std::int64_t all = 0;
};

class Topic {
  public:
    explicit Topic(const std::string& data_dir) : file_(data_dir, "topic") {}

    template <bus::Event E>
    void publish(const std::string& source, const E& event, std::int64_t time_ms) {
        const std::string key = text_of(event.key());
        file_.run(
            insert_event,
            E::event_type,
            source,
            ++published_.by[source],
            key,
            time_ms,
            bus::payload_of(event, time_ms)
        );
        orders_.note(file_.connection(), key, ++published_.all);
    }

    Published commit() {
        for (const auto& [source, position] : published_.by) {
            file_.run(insert_relayed, source, position);
        }
        file_.commit();
        return published_;
    }

  private:
    File file_;
    host::OrderIndex orders_;
    Published published_;
};

/// What each book had to have for its orders: the quantities, by id.
std::vector<std::int64_t> taken_of(const Past& past) {
    std::vector<std::int64_t> taken(static_cast<std::size_t>(past.size().books) + 1);
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        taken[static_cast<std::size_t>(past.book_of(id))] += past.quantity_of(id);
    }
    return taken;
}

void publish_order(Topic& topic, const Past& past, std::int64_t id) {
    const std::int64_t ordered_ms = past.ordered_ms(id);
    topic.publish(
        "order",
        order::Ordered{
            .order_id = id,
            .book_id = past.book_of(id),
            .customer_id = past.customer_of(id),
            .quantity = past.quantity_of(id),
            .delivery_address = past.address_of(id),
            .order_status = "ORDERED",
            .pay_amount = Money::from_cents(past.cents_of(id)),
            .pay_type = std::string(pay_type)
        },
        ordered_ms
    );
    topic.publish(
        "inventory",
        inventory::DeliveryPrepared{std::nullopt, id, std::string(prepared)},
        ordered_ms + 2
    );
    topic.publish(
        "delivery", delivery::DeliveryStatusChanged{id, id, std::string(shipped)}, ordered_ms + 4
    );
    topic.publish("payment", payment::Payed{id, id, std::string(completed)}, ordered_ms + 6);
}

/// Every book came with a stock of 0, then one stock input brought all it ever had.
Published fill_topic(
    const std::string& data_dir, const Past& past, const std::vector<std::int64_t>& taken
) {
    Topic topic(data_dir);
    const Size& size = past.size();
    for (std::int64_t id = 1; id <= size.customers; ++id) {
        topic.publish("customer", customer::Registered{id}, past.opened_ms());
    }
    for (std::int64_t id = 1; id <= size.books; ++id) {
        const std::int64_t received = past.stock_of(id) + taken[static_cast<std::size_t>(id)];
        topic.publish(
            "inventory", inventory::BookRegistered{id, past.book_name(id), 0}, past.opened_ms()
        );
        topic.publish("inventory", inventory::InventoryIncreased{id, received}, past.opened_ms());
    }
    for (std::int64_t id = 1; id <= size.orders; ++id) {
        publish_order(topic, past, id);
    }
    for (std::int64_t id = 1; id <= size.customers; ++id) {
        if (past.customer_deleted(id)) {
            topic.publish("customer", customer::Deleted{id}, past.closed_ms());
        }
    }
    for (std::int64_t id = 1; id <= size.books; ++id) {
        if (past.book_deleted(id)) {
            topic.publish("inventory", inventory::BookDeleted{id}, past.closed_ms());
        }
    }
    return topic.commit();
}

// ---- the contexts' own rows

const Sql insert_customer{"customer", "INSERT INTO customer(name, deleted) VALUES (?1, ?2)"};
const Sql insert_my_page{
    "customer",
    "INSERT INTO my_page(customer_id, nth_of_customer, order_id, book_id, quantity, "
    "delivery_address, order_status, delivery_status, delivery_id, pay_amount, pay_status, "
    "ordered_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?3, ?8, ?9, ?10)"
};

/// Counts the deleted by blocks of ids, as the pages want it (0003_page_customers.sql).
std::string count_deleted(std::string_view table) {
    return fmt::format(
        "INSERT INTO {0}_deleted(block, count) "
        "SELECT (id - 1) / 1024, count(*) FROM {0} WHERE deleted GROUP BY 1",
        table
    );
}

/// Gives the next number of a customer's orders.
class Numbers {
  public:
    explicit Numbers(const Size& size) : last_(static_cast<std::size_t>(size.customers) + 1) {}
    std::int64_t next(std::int64_t customer) { return ++last_[static_cast<std::size_t>(customer)]; }

  private:
    std::vector<std::int64_t> last_;
};

void fill_customer(File& file, const Past& past) {
    for (std::int64_t id = 1; id <= past.size().customers; ++id) {
        file.run(insert_customer, past.customer_name(id), past.customer_deleted(id));
    }
    file.execute(count_deleted("customer"));
    Numbers numbers(past.size());
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        const std::int64_t customer = past.customer_of(id);
        file.run(
            insert_my_page,
            customer,
            numbers.next(customer),
            id,
            past.book_of(id),
            past.quantity_of(id),
            past.address_of(id),
            shipped,
            past.cents_of(id),
            completed,
            past.ordered_ms(id)
        );
    }
}

const Sql insert_book{
    "inventory", "INSERT INTO book(name, stock, received, deleted) VALUES (?1, ?2, ?3, ?4)"
};
const Sql insert_stock_input{
    "inventory", "INSERT INTO stock_input(book_id, quantity, in_charger) VALUES (?1, ?2, 'Kim')"
};
const Sql insert_deliverable{
    "inventory",
    "INSERT INTO deliverable(order_id, book_id, quantity, status) VALUES (?1, ?2, ?3, ?4)"
};

void fill_inventory(File& file, const Past& past, const std::vector<std::int64_t>& taken) {
    for (std::int64_t id = 1; id <= past.size().books; ++id) {
        const std::int64_t stock = past.stock_of(id);
        const std::int64_t received = stock + taken[static_cast<std::size_t>(id)];
        file.run(insert_book, past.book_name(id), stock, received, past.book_deleted(id));
        file.run(insert_stock_input, id, received);
    }
    file.execute(count_deleted("book"));
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        file.run(insert_deliverable, id, past.book_of(id), past.quantity_of(id), prepared);
    }
}

const Sql insert_order{
    "order",
    "INSERT INTO orders(book_id, customer_id, quantity, delivery_address, status, pay_amount, "
    "pay_type, was_ordered, nth_of_customer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)"
};

void fill_order(File& file, const Past& past) {
    Numbers numbers(past.size());
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        const std::int64_t customer = past.customer_of(id);
        file.run(
            insert_order,
            past.book_of(id),
            customer,
            past.quantity_of(id),
            past.address_of(id),
            shipped,
            past.cents_of(id),
            pay_type,
            numbers.next(customer)
        );
    }
}

const Sql insert_delivery{
    "delivery",
    "INSERT INTO delivery(order_id, address, status, customer_id, nth_of_customer) "
    "VALUES (?1, ?2, ?3, ?4, ?5)"
};

void fill_delivery(File& file, const Past& past) {
    Numbers numbers(past.size());
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        const std::int64_t customer = past.customer_of(id);
        file.run(
            insert_delivery, id, past.address_of(id), shipped, customer, numbers.next(customer)
        );
    }
}

const Sql insert_payment{
    "payment",
    "INSERT INTO payment(order_id, amount, status, type, key, trace, customer_id, nth_of_customer) "
    "VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, ?7)"
};

void fill_payment(File& file, const Past& past) {
    Numbers numbers(past.size());
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        const std::int64_t customer = past.customer_of(id);
        file.run(
            insert_payment,
            id,
            past.cents_of(id),
            completed,
            pay_type,
            past.payment_key_of(id),
            customer,
            numbers.next(customer)
        );
    }
}

const Sql insert_history{
    "payment_history",
    "INSERT INTO payment_history(order_id, pay_status, payment_id, customer_id, nth_of_customer) "
    "VALUES (?1, ?2, ?1, ?3, ?4)"
};
const Sql insert_customer_of_order{
    "payment_history", "INSERT INTO customer_of_order(order_id, customer_id) VALUES (?1, ?2)"
};

void fill_payment_history(File& file, const Past& past) {
    Numbers numbers(past.size());
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        const std::int64_t customer = past.customer_of(id);
        file.run(insert_history, id, completed, customer, numbers.next(customer));
        file.run(insert_customer_of_order, id, customer);
    }
}

const Sql insert_entry{
    "van", "INSERT INTO ledger(key, amount, answer, time) VALUES (?1, ?2, ?3, ?4)"
};

void fill_van(File& file, const Past& past) {
    for (std::int64_t id = 1; id <= past.size().orders; ++id) {
        file.run(
            insert_entry,
            past.payment_key_of(id),
            past.cents_of(id),
            completed,
            past.ordered_ms(id) + 5
        );
    }
}

/// The outbox is empty, but knows its last position; all subscriptions stand at the topic's end.
void settle_bus(
    File& file,
    std::string_view module,
    const std::vector<std::string>& subscriptions,
    const Published& published
) {
    if (const auto last = published.by.find(module); last != published.by.end()) {
        file.execute(fmt::format(
            "INSERT INTO sqlite_sequence(name, seq) VALUES ('outbox', {})", last->second
        ));
    }
    for (const std::string& name : subscriptions) {
        file.execute(fmt::format(
            "UPDATE subscription SET position = {1} WHERE name = '{0}'", name, published.all
        ));
    }
}

}  // namespace

void fill(const std::string& data_dir, const Past& past) {
    if (std::filesystem::exists(data_dir) && !std::filesystem::is_empty(data_dir)) {
        throw storage::Refused(data_dir + " is not empty");
    }
    const storage::DirectoryLock lock(data_dir);
    const Subscriptions subscriptions = make_files(data_dir);
    const std::vector<std::int64_t> taken = taken_of(past);
    const Published published = fill_topic(data_dir, past, taken);
    const std::map<std::string, std::function<void(File&)>> contexts{
        {"customer", [&](File& file) { fill_customer(file, past); }},
        {"inventory", [&](File& file) { fill_inventory(file, past, taken); }},
        {"order", [&](File& file) { fill_order(file, past); }},
        {"delivery", [&](File& file) { fill_delivery(file, past); }},
        {"payment", [&](File& file) { fill_payment(file, past); }},
        {"payment_history", [&](File& file) { fill_payment_history(file, past); }},
        {"van", [&](File& file) { fill_van(file, past); }},
    };
    for (const auto& [name, names] : subscriptions) {
        File file(data_dir, name);
        contexts.at(name)(file);
        settle_bus(file, name, names, published);
        file.commit();
    }
    storage::sync_directory(data_dir);
}

}  // namespace bookstore::bench
