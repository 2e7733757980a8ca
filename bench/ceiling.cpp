// The ceiling of scripts/bench: the choreography of an order in plain C calls of SQLite, on one
// thread, in batches, without HTTP, threads or anything else around it.
//
//     ceiling --data-dir DIR --orders N [--batch 64]
//
// DIR is one that `bookstore-bench fill` made, so the tables and indexes are the program's own.
// Each batch of orders goes all the way before the next one begins: the statements, commits and
// synchronous modes are those of the program (docs/architecture.md), over the same seven files and
// the topic, and every event is read from the topic by whoever handles it. What the program reads
// on other connections is read on the writing one here. The directory is left as the program would
// have left it, but for the topic's milestones and late rows (host/order_index.hpp): it can go on
// with it, and reads what stands behind the last milestone at its first commit.

#include <fmt/format.h>
#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view ordered_type = "Ordered";
constexpr std::string_view prepared_type = "DeliveryPrepared";
constexpr std::string_view changed_type = "DeliveryStatusChanged";
constexpr std::string_view payed_type = "Payed";
constexpr std::string_view completed = "PAYMENT_COMPLETED";
constexpr std::string_view shipped = "Shipped";
constexpr std::string_view prepared = "Delivery_Prepared";
constexpr std::string_view address = "busan si";
constexpr std::string_view pay_type = "ONCE";
constexpr std::int64_t cents = 100'000;
constexpr int checkpoint_pages = 4096;  ///< 16 MiB of WAL, as in the program

std::int64_t now_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// One file: a connection with its prepared statements, by their text's address.
class File {
  public:
    File(const std::string& data_dir, std::string name) : name_(std::move(name)) {
        const std::string path = data_dir + "/" + name_ + ".db";
        if (sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) {
            throw std::runtime_error("cannot open " + path);
        }
        execute("PRAGMA temp_store = MEMORY");
        execute("PRAGMA wal_autocheckpoint = 0");
        execute("PRAGMA secure_delete = OFF");
        execute("PRAGMA synchronous = FULL");
        sqlite3_wal_hook(
            db_,
            [](void* self, sqlite3*, const char*, int pages) {
                static_cast<File*>(self)->wal_pages_ = pages;
                return SQLITE_OK;
            },
            this
        );
    }
    ~File() {
        for (const auto& [text, statement] : statements_) {
            sqlite3_finalize(statement);
        }
        sqlite3_close(db_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    const std::string& name() const { return name_; }

    /// Binds and takes the first step; true: there is a row. reset() it when it was a query.
    template <class... Args>
    bool step(const char* sql, const Args&... args) {
        sqlite3_stmt* statement = prepared_statement(sql);
        int index = 0;
        (bind(statement, ++index, args), ...);
        return next(statement);
    }
    /// A statement that returns no row.
    template <class... Args>
    void run(const char* sql, const Args&... args) {
        step(sql, args...);
        sqlite3_reset(prepared_statement(sql));
    }
    /// The first column of the first row; 0 when there is none.
    template <class... Args>
    std::int64_t number(const char* sql, const Args&... args) {
        const bool row = step(sql, args...);
        sqlite3_stmt* statement = prepared_statement(sql);
        const std::int64_t value = row ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_reset(statement);
        return value;
    }

    sqlite3_stmt* prepared_statement(const char* sql) {
        sqlite3_stmt*& statement = statements_[sql];
        if (statement == nullptr &&
            sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
                SQLITE_OK) {
            fail(sql);
        }
        return statement;
    }
    bool next(sqlite3_stmt* statement) const {
        const int rc = sqlite3_step(statement);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
            fail(sqlite3_sql(statement));
        }
        return rc == SQLITE_ROW;
    }
    std::int64_t last_id() const { return sqlite3_last_insert_rowid(db_); }

    /// A transaction; `durable`: FULL, else NORMAL.
    void begin(bool durable) {
        if (durable != full_) {
            execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            full_ = durable;
        }
        run("BEGIN IMMEDIATE");
    }
    void commit() {
        run("COMMIT");
        if (wal_pages_ >= checkpoint_pages) {
            sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
            wal_pages_ = 0;
        }
    }

  private:
    void execute(const char* sql) const {
        if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
            fail(sql);
        }
    }
    [[noreturn]] void fail(const char* sql) const {
        throw std::runtime_error(fmt::format("{}: {}: {}", name_, sql, sqlite3_errmsg(db_)));
    }
    template <class T>
    static void bind(sqlite3_stmt* statement, int index, const T& value) {
        if constexpr (std::is_integral_v<T>) {
            sqlite3_bind_int64(statement, index, value);
        } else if constexpr (std::is_null_pointer_v<T>) {
            sqlite3_bind_null(statement, index);
        } else {
            const std::string_view text = value;
            const char* bytes = text.empty() ? "" : text.data();
            sqlite3_bind_text64(statement, index, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
        }
    }

    std::string name_;
    sqlite3* db_ = nullptr;
    bool full_ = true;
    int wal_pages_ = 0;
    std::map<const char*, sqlite3_stmt*> statements_;
};

// ---- the bus

/// A module: its file, and how far its outbox was relayed.
struct Module {
    Module(const std::string& data_dir, const std::string& name) : file(data_dir, name) {}
    File file;
    std::int64_t relayed = 0;
    std::int64_t removed = 0;

    void begin(bool durable) {
        file.begin(durable);
        if (relayed > removed) {
            file.run("DELETE FROM outbox WHERE position <= ?1", relayed);
            removed = relayed;
        }
    }
    void publish(std::int64_t order, std::string_view type, const std::string& fields) {
        publish(fmt::format("order-{}", order), type, fields);
    }
    void publish(const std::string& key, std::string_view type, const std::string& fields) {
        const std::string payload = fmt::format(
            R"({{"eventType":"{}","timestamp":"20250101000000",{},"me":true}})", type, fields
        );
        file.run(
            "INSERT INTO outbox(key, type, time, trace, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
            key,
            type,
            now_ms(),
            std::string_view(),
            payload
        );
    }
};

struct Event {
    std::string type;
    std::int64_t order = 0;
    std::int64_t time_ms = 0;
    std::string payload;

    /// Of a field of the payload: `"id":`.
    std::int64_t number(const char* name) const {
        const std::size_t at = payload.find(name);
        return std::atoll(payload.c_str() + at + std::string_view(name).size());
    }
};

class Topic {
  public:
    explicit Topic(const std::string& data_dir) : file_(data_dir, "topic") {}

    void load(Module& module) {
        module.relayed =
            file_.number("SELECT position FROM relayed WHERE source = ?1", module.file.name());
    }

    /// Moves what the modules' outboxes hold, in one commit.
    void relay(const std::vector<Module*>& modules) {
        file_.begin(true);
        for (Module* module : modules) {
            append(*module);
        }
        file_.commit();
    }

    using Handler = std::function<void(const Event&)>;

    /// Lets a module handle what stands behind its cursor, in one commit.
    void handle(Module& module, bool durable, const Handler& handler) {
        module.begin(durable);
        const std::int64_t from = module.file.number("SELECT position FROM subscription");
        std::int64_t to = from;
        const char* sql =
            "SELECT position, type, source, source_position, key, time, trace, payload FROM event "
            "WHERE position > ?1 ORDER BY position LIMIT ?2";
        sqlite3_stmt* rows = file_.prepared_statement(sql);
        for (bool row = file_.step(sql, from, 4096); row; row = file_.next(rows)) {
            to = sqlite3_column_int64(rows, 0);
            const std::string key = text(rows, 4);
            handler(
                {.type = text(rows, 1),
                 .order = std::atoll(key.c_str() + std::string_view("order-").size()),
                 .time_ms = sqlite3_column_int64(rows, 5),
                 .payload = text(rows, 7)}
            );
        }
        sqlite3_reset(rows);
        module.file.run("UPDATE subscription SET position = ?1 WHERE position = ?2", to, from);
        module.file.commit();
    }

  private:
    static std::string text(sqlite3_stmt* row, int column) {
        const void* bytes = sqlite3_column_text(row, column);
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
        return {static_cast<const char*>(bytes), size};
    }

    void append(Module& module) {
        const char* sql =
            "SELECT position, key, type, time, trace, payload FROM outbox "
            "WHERE position > ?1 ORDER BY position LIMIT ?2";
        sqlite3_stmt* rows = module.file.prepared_statement(sql);
        for (bool row = module.file.step(sql, module.relayed, 1024); row;
             row = module.file.next(rows)) {
            module.relayed = sqlite3_column_int64(rows, 0);
            file_.run(
                "INSERT INTO event(type, source, source_position, key, time, trace, payload) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                text(rows, 2),
                module.file.name(),
                module.relayed,
                text(rows, 1),
                sqlite3_column_int64(rows, 3),
                text(rows, 4),
                text(rows, 5)
            );
        }
        sqlite3_reset(rows);
        file_.run(
            "INSERT INTO relayed(source, position) VALUES (?1, ?2) "
            "ON CONFLICT (source) DO UPDATE SET position = excluded.position",
            module.file.name(),
            module.relayed
        );
    }

    File file_;
};

// ---- the contexts

struct Shop {
    explicit Shop(const std::string& data_dir)
        : topic(data_dir),
          customer(data_dir, "customer"),
          inventory(data_dir, "inventory"),
          order(data_dir, "order"),
          delivery(data_dir, "delivery"),
          payment(data_dir, "payment"),
          history(data_dir, "payment_history"),
          van(data_dir, "van") {
        for (Module* module : {&customer, &inventory, &order, &delivery, &payment}) {
            topic.load(*module);
        }
    }

    Topic topic;
    Module customer;
    Module inventory;
    Module order;
    Module delivery;
    Module payment;
    Module history;
    Module van;
    std::int64_t customer_id = 0;
    std::int64_t book_id = 0;
    std::mt19937_64 random{1};
};

/// A customer and a book with stock enough.
void open_shop(Shop& shop) {
    constexpr std::int64_t stock = 1'000'000'000;
    shop.customer.begin(true);
    shop.customer.file.run("INSERT INTO customer(name) VALUES (?1)", std::string_view("Kim"));
    shop.customer_id = shop.customer.file.last_id();
    shop.customer.publish(
        fmt::format("customer-{}", shop.customer_id),
        "Registered",
        fmt::format(R"("customerId":{})", shop.customer_id)
    );
    shop.customer.file.commit();
    shop.inventory.begin(true);
    shop.inventory.file.run(
        "INSERT INTO book(name, stock, received) VALUES (?1, ?2, ?2)",
        std::string_view("C++"),
        stock
    );
    shop.book_id = shop.inventory.file.last_id();
    shop.inventory.publish(
        fmt::format("book-{}", shop.book_id),
        "BookRegistered",
        fmt::format(R"("bookId":{},"bookName":"C++","stock":{})", shop.book_id, stock)
    );
    shop.inventory.file.commit();
    shop.topic.relay({&shop.customer, &shop.inventory});
}

/// POST /orders, so many at once: both other contexts are asked, then one group commit.
void place(Shop& shop, int batch) {
    shop.order.begin(true);
    for (int i = 0; i < batch; ++i) {
        const std::int64_t customer = shop.customer.file.number(
            "SELECT id, name FROM customer WHERE id = ?1 AND NOT deleted", shop.customer_id
        );
        const std::int64_t book = shop.inventory.file.number(
            "SELECT id, name, stock FROM book WHERE id = ?1 AND NOT deleted", shop.book_id
        );
        shop.order.file.run("SAVEPOINT job");
        shop.order.file.run(
            "INSERT INTO orders(book_id, customer_id, quantity, delivery_address, status, "
            "pay_amount, pay_type, was_ordered, next_try, trace, nth_of_customer) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
            "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM orders WHERE customer_id = ?2))",
            book,
            customer,
            1,
            address,
            std::string_view("ORDERED"),
            cents,
            pay_type,
            1,
            nullptr,
            nullptr
        );
        const std::int64_t id = shop.order.file.last_id();
        shop.order.publish(
            id,
            ordered_type,
            fmt::format(
                R"("orderId":{},"bookId":{},"customerId":{},"quantity":1,"deliveryAddress":"{}",)"
                R"("orderStatus":"ORDERED","payAmount":1000.0,"payType":"{}")",
                id,
                book,
                customer,
                address,
                pay_type
            )
        );
        shop.order.file.run("RELEASE job");
    }
    shop.order.file.commit();
}

void allocate(Shop& shop) {
    File& file = shop.inventory.file;
    const auto handle = [&](const Event& event) {
        if (event.type != ordered_type) {
            return;
        }
        file.number("SELECT after_order FROM serving WHERE book_id = ?1", shop.book_id);
        file.number("SELECT stock FROM book WHERE id = ?1", shop.book_id);
        file.run("UPDATE book SET stock = stock + ?2 WHERE id = ?1", shop.book_id, -1);
        file.run(
            "INSERT INTO deliverable(order_id, book_id, quantity, status) VALUES (?1, ?2, ?3, ?4)",
            event.order,
            shop.book_id,
            1,
            prepared
        );
        shop.inventory.publish(
            event.order,
            prepared_type,
            fmt::format(R"("id":null,"orderId":{},"status":"{}")", event.order, prepared)
        );
    };
    shop.topic.handle(shop.inventory, true, handle);
}

/// What the delivery context does about either event; FULL when it publishes.
void deliver(Shop& shop, bool publishes) {
    File& file = shop.delivery.file;
    const auto handle = [&](const Event& event) {
        if (event.type == ordered_type) {
            file.run(
                "INSERT INTO delivery(order_id, address, status) VALUES (?1, ?2, ?3)",
                event.order,
                address,
                std::string_view("Create_Delivery")
            );
        } else if (event.type == prepared_type) {
            const std::int64_t id = file.number(
                "SELECT id, order_id, address, status FROM delivery WHERE order_id = ?1",
                event.order
            );
            file.run("UPDATE delivery SET status = ?2 WHERE id = ?1", id, shipped);
            shop.delivery.publish(
                event.order,
                changed_type,
                fmt::format(
                    R"("id":{},"orderId":{},"deliveryStatus":"{}")", id, event.order, shipped
                )
            );
        }
    };
    shop.topic.handle(shop.delivery, publishes, handle);
}

void want_payments(Shop& shop) {
    File& file = shop.payment.file;
    const auto handle = [&](const Event& event) {
        if (event.type != ordered_type) {
            return;
        }
        const std::uint64_t a = shop.random();
        const std::string key = fmt::format(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32U,
            (a >> 16U) & 0xffffU,
            a & 0xfffU,
            shop.random() & 0xfffU,
            shop.random() & 0xffff'ffff'ffffU
        );
        file.run(
            "INSERT INTO payment(order_id, amount, status, type, key, call, next_try, trace) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            event.order,
            cents,
            std::string_view("PAYMENT_REQUESTED"),
            pay_type,
            key,
            std::string_view("charge"),
            now_ms(),
            std::string_view()
        );
    };
    shop.topic.handle(shop.payment, true, handle);
}

struct Intent {
    std::int64_t id = 0;
    std::string key;
};

std::vector<Intent> due(Shop& shop, int batch) {
    std::vector<Intent> intents;
    const char* sql =
        "SELECT id, call, amount, key, attempts, trace FROM payment "
        "WHERE next_try <= ?1 ORDER BY next_try LIMIT ?2";
    sqlite3_stmt* rows = shop.payment.file.prepared_statement(sql);
    for (bool row = shop.payment.file.step(sql, now_ms(), batch); row;
         row = shop.payment.file.next(rows)) {
        const void* key = sqlite3_column_text(rows, 3);
        intents.push_back({sqlite3_column_int64(rows, 0), static_cast<const char*>(key)});
    }
    sqlite3_reset(rows);
    return intents;
}

/// VAN charges what is due and the payment context writes its answers.
void charge(Shop& shop, int batch) {
    const std::vector<Intent> intents = due(shop, batch);
    shop.van.begin(true);
    for (const Intent& intent : intents) {
        shop.van.file.run("SAVEPOINT job");
        shop.van.file.number("SELECT amount, answer FROM ledger WHERE key = ?1", intent.key);
        shop.van.file.run(
            "INSERT INTO ledger(key, amount, answer, time) VALUES (?1, ?2, ?3, ?4)",
            intent.key,
            cents,
            completed,
            now_ms()
        );
        shop.van.file.run("RELEASE job");
    }
    shop.van.file.commit();
    shop.payment.begin(true);
    File& file = shop.payment.file;
    for (const Intent& intent : intents) {
        file.run("SAVEPOINT job");
        const char* sql =
            "SELECT order_id, id, status, cancel_wanted, call, amount IS NOT NULL FROM payment "
            "WHERE id = ?1";
        const std::int64_t order = file.number(sql, intent.id);
        file.run(
            "UPDATE payment SET status = ?2, cancel_wanted = ?3, call = ?4, attempts = 0, "
            "next_try = ?5 WHERE id = ?1",
            intent.id,
            completed,
            0,
            nullptr,
            nullptr
        );
        shop.payment.publish(
            order,
            payed_type,
            fmt::format(
                R"("orderId":{},"paymentId":{},"payStatus":"{}")", order, intent.id, completed
            )
        );
        file.run("RELEASE job");
    }
    file.commit();
}

void follow_order(Shop& shop) {
    File& file = shop.order.file;
    const auto handle = [&](const Event& event) {
        if (event.type != prepared_type && event.type != changed_type) {
            return;
        }
        file.number("SELECT status FROM orders WHERE id = ?1", event.order);
        const std::string_view status = event.type == prepared_type ? prepared : shipped;
        file.run("UPDATE orders SET status = ?2 WHERE id = ?1", event.order, status);
    };
    shop.topic.handle(shop.order, false, handle);
}

void list_order(Shop& shop, std::int64_t order, std::int64_t time_ms) {
    shop.customer.file.run(
        "INSERT INTO my_page(customer_id, nth_of_customer, order_id, book_id, quantity, "
        "delivery_address, order_status, pay_amount, ordered_at) VALUES (?1, "
        "(SELECT coalesce(max(nth_of_customer), 0) + 1 FROM my_page WHERE customer_id = ?1), "
        "?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        shop.customer_id,
        order,
        shop.book_id,
        1,
        address,
        std::string_view("ORDERED"),
        cents,
        time_ms
    );
}

void follow_in_my_page(Shop& shop) {
    File& file = shop.customer.file;
    const auto handle = [&](const Event& event) {
        if (event.type == ordered_type) {
            list_order(shop, event.order, event.time_ms);
        } else if (event.type == payed_type) {
            file.run(
                "UPDATE my_page SET pay_status = ?2 WHERE order_id = ?1", event.order, completed
            );
        } else if (event.type == prepared_type) {
            file.number("SELECT order_status FROM my_page WHERE order_id = ?1", event.order);
            file.run(
                "UPDATE my_page SET order_status = ?2 WHERE order_id = ?1", event.order, prepared
            );
        } else if (event.type == changed_type) {
            file.number("SELECT order_status FROM my_page WHERE order_id = ?1", event.order);
            file.run(
                "UPDATE my_page SET order_status = ?2, delivery_status = ?3, delivery_id = ?4 "
                "WHERE order_id = ?1",
                event.order,
                shipped,
                shipped,
                event.number("\"id\":")
            );
        }
    };
    shop.topic.handle(shop.customer, false, handle);
}

void record_payments(Shop& shop) {
    const auto handle = [&](const Event& event) {
        if (event.type != payed_type) {
            return;
        }
        shop.history.file.run(
            "INSERT INTO payment_history(order_id, pay_status, payment_id) VALUES (?1, ?2, ?3)",
            event.order,
            completed,
            event.number("\"paymentId\":")
        );
    };
    shop.topic.handle(shop.history, false, handle);
}

/// A batch all the way.
void settle(Shop& shop, int batch) {
    place(shop, batch);
    shop.topic.relay({&shop.order});
    allocate(shop);
    deliver(shop, false);
    want_payments(shop);
    follow_in_my_page(shop);
    charge(shop, batch);
    shop.topic.relay({&shop.inventory, &shop.payment});
    deliver(shop, true);
    follow_order(shop);
    follow_in_my_page(shop);
    record_payments(shop);
    shop.topic.relay({&shop.delivery});
    follow_order(shop);
    follow_in_my_page(shop);
}

}  // namespace

int main(int argc, char** argv) {
    std::string data_dir;
    std::int64_t orders = 100'000;
    int batch = 64;
    CLI::App app("The choreography of orders in plain SQLite");
    app.add_option("--data-dir", data_dir, "Made by bookstore-bench fill")->required();
    app.add_option("--orders", orders)->capture_default_str();
    app.add_option("--batch", batch)->capture_default_str()->check(CLI::Range(1, 1024));
    CLI11_PARSE(app, argc, argv);
    try {
        Shop shop(data_dir);
        open_shop(shop);
        const auto start = Clock::now();
        for (std::int64_t left = orders; left > 0; left -= batch) {
            settle(shop, static_cast<int>(std::min<std::int64_t>(batch, left)));
        }
        const std::chrono::duration<double> took = Clock::now() - start;
        fmt::print("ceiling.settled_per_s\t{:.0f}\n", static_cast<double>(orders) / took.count());
    } catch (const std::exception& error) {
        fmt::print(stderr, "ceiling: {}\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
