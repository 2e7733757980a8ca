#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "story.hpp"
#include "support/sqlite_reader.hpp"

using namespace bookstore::test;

// VAN in a process of its own, killed and restarted while customers order and cancel.

namespace {

using Flags = std::vector<std::string>;

/// VAN alone, on its directory and always at the same address.
class Van {
  public:
    Van() { start(); }

    std::string url() const { return "http://" + at_; }
    void kill_and_restart(std::chrono::milliseconds down) {
        process_->kill();
        std::this_thread::sleep_for(down);
        start();
    }
    void stop() {
        process_->signal(SIGTERM);
        REQUIRE(process_->wait() == 0);
    }
    std::string file() const { return directory_.path() + "/van.db"; }

  private:
    void start() {
        // Somebody's connection may have got the port meanwhile: it goes.
        const bool started = eventually([&] {
            try {
                process_ = std::make_unique<BookstoreProcess>(
                    directory_.path(), Flags{"--modules", "van", "--listen", at_}
                );
                return true;
            } catch (const std::runtime_error&) {
                return false;
            }
        });
        REQUIRE(started);
        at_ = process_->url().substr(7);
        process_->wait_until_ready();
    }

    TemporaryDirectory directory_;
    std::string at_ = "127.0.0.1:0";
    std::unique_ptr<BookstoreProcess> process_;
};

/// Customers who order, each for another amount, and cancel some of it, until they are told to
/// leave.
class Customers {
  public:
    Customers(Story& story, int count) : story_(story) {
        for (int c = 0; c < count; ++c) {
            threads_.emplace_back([this, c] { run(c); });
        }
    }
    int orders() const { return orders_; }
    /// How many orders there are.
    int leave() {
        left_ = true;
        threads_.clear();
        return orders_;
    }
    int canceled() const { return canceled_; }
    int refused() const { return refused_; }

  private:
    void run(int customer) {
        for (int i = 1; !left_; ++i) {
            const auto placed = story_.post(
                "/orders",
                fmt::format(
                    R"({{"bookId":{},"customerId":1,"quantity":1,"deliveryAddress":"busan","payAmount":{}.{:02}}})",
                    i % 2 + 1,
                    i,
                    customer + 1
                )
            );
            if (placed.status != 201) {
                ++refused_;
                continue;
            }
            ++orders_;
            if (i % 3 == 0) {  // 204, or 409: it was prepared already
                const auto canceled = story_.del(fmt::format("/orders/{}", placed.id()));
                canceled_ += canceled.status == 204 ? 1 : 0;
            }
        }
    }

    Story& story_;
    std::atomic<bool> left_{false};
    std::atomic<int> orders_{0};
    std::atomic<int> canceled_{0};
    std::atomic<int> refused_{0};
    std::vector<std::jthread> threads_;
};

std::set<std::string> keys(const std::string& file, const std::string& table) {
    std::set<std::string> keys;
    Sqlite(file).rows("SELECT key FROM " + table, [&](const Sqlite::Row& row) {
        keys.insert(row.text(0));
    });
    return keys;
}

/// Waits until every payment has its answer, and every canceled order its money back.
bool comes_to_rest(Story& story, int payments, int canceled) {
    return eventually(
        [&] {
            Sqlite db(story.data_dir() + "/payment.db");
            return db.number("SELECT count(*) FROM payment WHERE next_try IS NULL") == payments &&
                   db.number("SELECT count(*) FROM payment WHERE status = 'PAYMENT_CANCELED'") ==
                       canceled;
        },
        std::chrono::seconds(120)
    );
}

}  // namespace

TEST_CASE("VAN apart is killed and restarted under load, and no payment is lost or doubled") {
    Van van;
    const Flags flags{
        "--modules",
        "customer,inventory,order,delivery,payment,payment_history",
        "--van-url",
        van.url(),
        "--breaker-timeout",
        "300",
        "--payment-timeout",
        "1000",
        "--breaker-sleep-window",
        "100"
    };
    Story story(flags);
    story.given_customer();
    story.given_book(100'000);
    story.given_book(0);  // orders of it wait, and can be canceled after they were paid
    Customers customers(story, 3);
    for (const int down_ms : {0, 50, 300, 0, 500}) {
        const int before = customers.orders();
        REQUIRE(eventually([&] { return customers.orders() >= before + 40; }));
        van.kill_and_restart(std::chrono::milliseconds(down_ms));
    }
    const int orders = customers.leave();
    CHECK(customers.refused() == 0);  // nobody noticed
    CHECK(customers.canceled() > 0);
    REQUIRE(comes_to_rest(story, orders, customers.canceled()));

    const auto health = story.get("/actuator/health");
    const std::string breaker = "components.payment.details.circuitBreakers.van.";
    CHECK(health.field("components.van") == "missing");
    CHECK(std::stoi(health.field(breaker + "calls.failed")) > 0);
    CHECK(std::stoi(health.field(breaker + "calls.succeeded")) >= orders);

    story.stop();
    van.stop();
    // The ledger and the payments, row by row, as if VAN's file stood beside the others.
    CHECK(keys(van.file(), "ledger") == keys(story.data_dir() + "/payment.db", "payment"));
    std::filesystem::copy_file(van.file(), story.data_dir() + "/van.db");
    std::string shop;
    Sqlite(story.data_dir() + "/order.db").rows("SELECT id FROM shop", [&](const Sqlite::Row& row) {
        shop = row.text(0);
    });
    Sqlite(story.data_dir() + "/van.db", Sqlite::Mode::write)
        .run(fmt::format("UPDATE shop SET id = '{}'", shop));  // VAN apart is a shop of its own
    story.start(flags);
    CHECK(story.ends_with() == "");
}

TEST_CASE("this process's own VAN is not asked when another one is") {
    Van van;
    Story story({"--van-url", van.url()});
    story.given_customer();
    story.given_book(5);
    CHECK(story.payment_becomes(story.place_order(1, 1), "PAYMENT_COMPLETED"));
    story.stop();
    van.stop();
    CHECK(keys(story.data_dir() + "/van.db", "ledger").empty());
    CHECK(keys(van.file(), "ledger") == keys(story.data_dir() + "/payment.db", "payment"));
}
