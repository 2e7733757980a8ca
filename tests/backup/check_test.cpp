#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "shop.hpp"
#include "support/sqlite_reader.hpp"

// bookstore check, and what a start says of damaged files.

using namespace bookstore::test;

namespace fs = std::filesystem;

namespace {

/// One violation, planted into a directory whose process was killed.
struct Planted {
    const char* file;
    const char* sql;
    const char* said;
};

// Orders: 1 shipped, 2 canceled and refunded, 3 waits for stock, 4 without an amount, 5 failed.
constexpr Planted planted[]{
    // 1: an order that was answered 201 exists.
    {"order", "DELETE FROM orders WHERE id = 5", "answered 201"},
    {"order", "DELETE FROM orders WHERE id = 3", "order 3, which does not exist"},
    {"order", "UPDATE orders SET id = 50 WHERE id = 5", "orders: 5 of them, with ids from 1 to 50"},
    // 2: exactly one of each, and VAN's ledger agrees.
    {"delivery", "DELETE FROM delivery WHERE order_id = 3", "order 3: no delivery"},
    {"payment", "DELETE FROM payment WHERE order_id = 4", "order 4: no payment"},
    {"payment",
     "UPDATE payment SET call = NULL, next_try = NULL, status = 'PAYMENT_REQUESTED' "
     "WHERE order_id = 1",
     "nobody brings it to its end"},
    {"inventory", "DELETE FROM deliverable WHERE order_id = 2", "order 2: no deliverable"},
    {"customer", "DELETE FROM my_page WHERE order_id = 1", "order 1: no My Page row"},
    {"van", "DELETE FROM ledger WHERE answer = 'PAYMENT_COMPLETED'", "VAN does not know it"},
    {"van", "UPDATE ledger SET amount = amount + 1 WHERE canceled", "VAN charged 1235 cents"},
    {"van", "UPDATE ledger SET answer = 'PAYMENT_FAILED'", "VAN says PAYMENT_FAILED"},
    // 3: stock.
    {"inventory", "UPDATE book SET stock = stock - 1 WHERE id = 1", "book 1: received"},
    {"inventory", "UPDATE book SET stock = 9, received = 9 WHERE id = 2", "book 2: an order waits"},
    // 4: a canceled order is never shipped, its stock and money are back.
    {"delivery",
     "UPDATE delivery SET status = 'Shipped' WHERE order_id = 2",
     "the canceled order's delivery is Shipped"},
    {"van", "UPDATE ledger SET canceled = 0", "but VAN says PAYMENT_COMPLETED"},
    {"inventory",
     "UPDATE deliverable SET status = 'Stock_Lacked' WHERE order_id = 2",
     "its deliverable is Stock_Lacked"},
    // 5: the order of events.
    {"topic",
     "UPDATE event SET type = 'Payed', payload = replace(payload, 'Ordered\"', 'Payed\"') "
     "WHERE type = 'Ordered' AND key = 'order-1'",
     "stands before Ordered"},
    {"topic", "DELETE FROM event WHERE position = 3", "the topic has no position 3"},
    {"topic", "UPDATE event SET key = 'order-9' WHERE type = 'Payed'", "holds another event"},
    // 6: nothing is lost, and the files are of one moment.
    {"order", "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'outbox'", "some are lost"},
    {"order", "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'outbox'", "different moments"},
    {"delivery", "UPDATE subscription SET position = 1000000", "beyond the topic's end"},
    {"delivery", "UPDATE subscription SET position = 0", "has not handled its Ordered"},
    {"payment",
     "UPDATE moment SET number = number + 1 WHERE context = 'van'",
     "van.db is older than what payment.db was told of it"},
    {"topic",
     "UPDATE relayed SET position = position - 1 WHERE source = 'payment'",
     "payment: relayed"},
    // 7: read models are what the events make of them.
    {"customer", "UPDATE my_page SET pay_status = NULL WHERE order_id = 1", "My Page's pay status"},
    {"customer",
     "UPDATE my_page SET order_status = 'ORDERED' WHERE order_id = 2",
     "My Page's status"},
    {"customer",
     "UPDATE my_page SET nth_of_customer = 77 WHERE order_id = 1",
     "those of customer 1 are not counted"},
    {"payment_history", "DELETE FROM payment_history WHERE order_id = 2", "payment history"},
    {"payment_history",
     "INSERT INTO payment_history(id, order_id, pay_status, payment_id) "
     "SELECT max(id) + 1, 1, 'PAYMENT_COMPLETED', 1 FROM "
     "payment_history",
     "2 rows of payment history for 1 events"},
    // What the files are by themselves.
    {"customer",
     "UPDATE migration SET sha256 = 'x' WHERE source = 'customer'",
     "is not the one that was applied"},
    {"customer", "INSERT INTO customer_deleted VALUES (7, 7)", "count of the deleted"},
};

/// A directory whose process was killed when these five orders had settled and others had not.
class Killed {
  public:
    Killed() : story_(quick_van()) {
        given_shop(story_);
        REQUIRE(story_.order_becomes(story_.place_order(1, 1, 1, "12.34"), "Shipped"));
        const auto canceled = story_.place_order(2, 1, 1, "12.34");
        REQUIRE(story_.payment_becomes(canceled, "PAYMENT_COMPLETED"));
        story_.cancel(canceled);
        REQUIRE(story_.payment_becomes(canceled, "PAYMENT_CANCELED"));
        story_.place_order(2, 2, 1, "12.34");
        story_.place_order(1, 2, 1, "");
        const std::string body = R"({"bookId":1,"customerId":1,"quantity":1,)"
                                 R"("deliveryAddress":"b","payAmount":0})";
        story_.send(Method::post, "/orders", body, {{"Idempotency-Key", "five"}});
        REQUIRE(story_.payment_becomes(5, "PAYMENT_FAILED"));
        REQUIRE(story_.payment_becomes(3, "PAYMENT_COMPLETED"));
        REQUIRE(story_.order_becomes(4, "Shipped"));
        REQUIRE(story_.order_becomes(5, "Shipped"));
        REQUIRE(story_.becomes("/paymentHistories", "page.totalElements", "6"));
        REQUIRE(story_.becomes("/myPages/5", "payStatus", "PAYMENT_FAILED"));
        REQUIRE(story_.becomes("/myPages/2", "payStatus", "PAYMENT_CANCELED"));
        REQUIRE(story_.becomes("/myPages/5", "orderStatus", "Shipped"));
        REQUIRE(story_.becomes("/myPages/4", "orderStatus", "Shipped"));
        story_.process().kill();
    }
    Story& story() { return story_; }
    const std::string& path() const { return story_.data_dir(); }

  private:
    Story story_;
};

/// A copy of a directory that nobody holds.
class Copy {
  public:
    explicit Copy(const std::string& from) { fs::copy(from, directory_.path()); }
    const std::string& path() const { return directory_.path(); }
    std::string file(const std::string& name) const { return path() + "/" + name; }

  private:
    TemporaryDirectory directory_;
};

/// Overwrites a part of a file.
void damage(const std::string& path, std::streamoff at, std::size_t bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(at);
    file << std::string(bytes, 'x');
}

/// Moves the WALs into the files, as an orderly end does.
void come_to_rest(Story& story) {
    story.start(quick_van());
    story.stop();
}

Finished serve(const std::string& data_dir) {
    return run_bookstore({"serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir});
}

}  // namespace

TEST_CASE("the check finds each planted violation, and says what it is") {
    const Killed killed;
    const auto whole = check_of(killed.path());
    REQUIRE_MESSAGE(whole.status == 0, whole.out << whole.error);
    CHECK(whole.out.find("5 orders (0 not verified, 0 not settled yet)") != std::string::npos);
    CHECK(whole.out.find("everything holds") != std::string::npos);
    for (const auto& [file, sql, said] : planted) {
        CAPTURE(sql);
        const Copy copy(killed.path());
        Sqlite(copy.file(std::string(file) + ".db"), Sqlite::Mode::write).run(sql);
        const auto done = check_of(copy.path());
        CHECK(done.status == 1);
        CHECK_MESSAGE(done.out.find(said) != std::string::npos, done.out << done.error);
        CHECK(done.out.find("violations") != std::string::npos);
    }
}

TEST_CASE("an order of which an operator had an event skipped is said not to be compared") {
    const Killed killed;
    const Copy copy(killed.path());
    {
        Sqlite db(copy.file("delivery.db"), Sqlite::Mode::write);
        db.run("DROP TABLE IF EXISTS skipped");
        db.run("CREATE TABLE skipped(subscription TEXT, position INTEGER, key TEXT)");
        db.run("DELETE FROM delivery WHERE order_id = 5");
    }
    CHECK(check_of(copy.path()).status == 1);
    {
        Sqlite db(copy.file("delivery.db"), Sqlite::Mode::write);
        const auto ordered =
            Sqlite(copy.file("topic.db"), Sqlite::Mode::read)
                .number("SELECT position FROM event WHERE key = 'order-5' AND type = 'Ordered'");
        db.run(
            "INSERT INTO skipped(subscription, position, key) VALUES ('delivery', " +
            std::to_string(ordered) + ", 'order-5')"
        );
    }
    const auto done = check_of(copy.path());
    CHECK_MESSAGE(done.status == 0, done.out << done.error);
    CHECK(done.out.find("1 orders were not compared") != std::string::npos);
    // The skip excuses the context that skipped, and no other.
    Sqlite(copy.file("customer.db"), Sqlite::Mode::write)
        .run("DELETE FROM my_page WHERE order_id = 5");
    const auto other = check_of(copy.path());
    CHECK(other.status == 1);
    CHECK_MESSAGE(other.out.find("order 5: no My Page row") != std::string::npos, other.out);
}

TEST_CASE("what is under way when the process is killed is counted, and no violation") {
    Story story;
    given_shop(story);
    {
        for (int i = 0; i < 4; ++i) {
            Crowd crowd(story.process().url());
            REQUIRE(crowd.orders(15));
            story.process().kill();
            const auto before = files_in(story.data_dir());
            const auto done = check_of(story.data_dir());
            CHECK_MESSAGE(done.status == 0, done.out << done.error);
            // It changes nothing; the WALs are still there to be read.
            CHECK(files_in(story.data_dir()) == before);
            story.start();
        }
    }
    // VAN does not answer: the payments are on their way, and the check says so.
    story.restart({"--stopped", "van"});
    story.place_order(1, 1);
    REQUIRE(eventually([&] {
        Sqlite db(story.data_dir() + "/payment.db");
        return db.number("SELECT count(*) FROM payment WHERE status = 'PAYMENT_REQUESTED'") >= 1;
    }));
    story.process().kill();
    const auto waiting = check_of(story.data_dir());
    CHECK_MESSAGE(waiting.status == 0, waiting.out << waiting.error);
    CHECK(waiting.out.find(" 0 not settled yet") == std::string::npos);
}

TEST_CASE("VAN's ledger is compared where it is, and said not to be where it is not") {
    Killed killed;
    come_to_rest(killed.story());
    const Copy copy(killed.path());
    const TemporaryDirectory van;
    fs::rename(copy.file("van.db"), van.path() + "/van.db");
    const auto before = files_in(copy.path());
    const auto without = check_of(copy.path());
    CHECK_MESSAGE(without.status == 0, without.out << without.error);
    CHECK(without.out.find("VAN's ledger was not compared") != std::string::npos);
    const std::vector<std::string> apart{"--van-data-dir", van.path()};
    const auto with = check_of(copy.path(), apart);
    CHECK_MESSAGE(with.status == 0, with.out << with.error);
    CHECK(with.out.find("not compared") == std::string::npos);
    Sqlite(van.path() + "/van.db", Sqlite::Mode::write).run("DELETE FROM ledger");
    CHECK(check_of(copy.path(), apart).status == 1);
    CHECK(files_in(copy.path()) == before);
}

TEST_CASE("a directory of some contexts is checked, and it is said what was not compared") {
    Story story({"--modules", "customer,delivery", "--kafka", "none"});
    story.given_customer();
    story.stop();
    const auto done = check_of(story.data_dir());
    CHECK_MESSAGE(done.status == 0, done.out << done.error);
    CHECK(
        done.out.find("inventory.db, order.db, payment.db and payment_history.db are elsewhere") !=
        std::string::npos
    );
    CHECK(done.out.find("the orders were not compared") != std::string::npos);
}

TEST_CASE("the directories of one system are checked together") {
    Killed killed;
    come_to_rest(killed.story());
    const Copy here(killed.path());
    const TemporaryDirectory there;
    const auto move = [&](const std::string& file) {
        fs::rename(here.file(file), there.path() + "/" + file);
    };
    move("payment_history.db");
    const auto without = check_of(here.path());
    CHECK_MESSAGE(without.status == 0, without.out << without.error);
    CHECK(without.out.find("payment_history.db is elsewhere") != std::string::npos);
    CHECK(without.out.find("what holds of a settled order was not") != std::string::npos);

    move("payment.db");
    move("van.db");
    const auto lost = check_of(here.path());
    CHECK(lost.status == 2);
    CHECK(
        lost.error.find("has no payment.db, but its topic.db has events of payment") !=
        std::string::npos
    );
    const std::vector<std::string> both{"--data-dir", there.path()};
    const auto before = files_in(there.path());
    const auto with = check_of(here.path(), both);
    CHECK_MESSAGE(with.status == 0, with.out << with.error);
    CHECK(with.out.find("elsewhere") == std::string::npos);
    CHECK(with.out.find("not compared") == std::string::npos);
    CHECK(files_in(there.path()) == before);
    Sqlite(there.path() + "/van.db", Sqlite::Mode::write).run("DELETE FROM ledger");
    CHECK(check_of(here.path(), both).status == 1);

    // Directories that are not of one system, or of which it is not known what is meant.
    const auto twice = check_of(here.path(), {"--data-dir", here.path() + "/."});
    CHECK(twice.error.find("name it once") != std::string::npos);
    fs::copy(here.file("order.db"), there.path());
    CHECK(check_of(here.path(), both).error.find("have order.db") != std::string::npos);
    Story other;
    other.stop();
    fs::copy_file(
        other.data_dir() + "/order.db",
        there.path() + "/order.db",
        fs::copy_options::overwrite_existing
    );
    fs::remove(here.file("order.db"));
    const auto strange = check_of(here.path(), both);
    CHECK(strange.status == 2);
    CHECK_MESSAGE(strange.error.find("are of two shops") != std::string::npos, strange.error);
}

TEST_CASE("bookstore trace changes nothing of a directory whose process was killed") {
    const Killed killed;
    const auto before = files_in(killed.path());
    const auto traced = run_bookstore({"trace", "3", "--data-dir", killed.path()});
    CHECK_MESSAGE(traced.status == 0, traced.error);
    CHECK(traced.out.starts_with("order 3 is ORDERED"));
    CHECK(files_in(killed.path()) == before);
}

TEST_CASE("what cannot be checked ends with status 2 and a line that says why") {
    Story story;
    const auto held = check_of(story.data_dir());
    CHECK(held.status == 2);
    CHECK(held.error.find("held by a running bookstore") != std::string::npos);
    given_shop(story);
    story.place_order(1, 1);
    REQUIRE(story.becomes("/orders/1", "orderStatus", "Shipped"));
    story.stop();
    const TemporaryDirectory empty;
    CHECK(check_of(empty.path()).status == 2);
    CHECK(fs::is_empty(empty.path()));
    CHECK(check_of(empty.path() + "/nowhere").status == 2);
    const Copy lacking(story.data_dir());
    fs::remove(lacking.file("order.db"));
    CHECK(check_of(lacking.path()).error.find("has no order.db") != std::string::npos);
    const Copy newer(story.data_dir());
    Sqlite(newer.file("order.db"), Sqlite::Mode::write)
        .run("INSERT INTO migration VALUES ('order', 9000, 'x', 'x', 0)");
    const auto unknown = check_of(newer.path());
    CHECK(unknown.status == 2);
    CHECK(unknown.error.find("order/9000, which this binary does not know") != std::string::npos);
}

TEST_CASE("a damaged file is found by the check, and refused at the start with the way out") {
    Killed killed;
    come_to_rest(killed.story());
    for (const std::string name :
         {"topic", "customer", "inventory", "order", "delivery", "payment", "payment_history", "van"
         }) {
        CAPTURE(name);
        // The head, the schema's page behind it, and a file that is cut off.
        for (const int kind : {0, 1, 2}) {
            CAPTURE(kind);
            const Copy copy(killed.path());
            const std::string path = copy.file(name + ".db");
            if (kind == 2) {
                fs::resize_file(path, 8192);
            } else {
                damage(path, kind == 0 ? 0 : 100, kind == 0 ? 16 : 64);
            }
            const auto checked = check_of(copy.path());
            CHECK(checked.status == 1);
            CHECK(checked.out.find(name + ".db is damaged") != std::string::npos);
            const auto served = serve(copy.path());
            CHECK(served.status == 1);
            CHECK(served.error.find(name + ".db is damaged") != std::string::npos);
            CHECK(served.error.find("It holds ") != std::string::npos);
            CHECK(served.error.find("backup") != std::string::npos);
        }
    }
}

TEST_CASE("a damaged payment history is removed, and made anew from the events") {
    Killed killed;
    Story& story = killed.story();
    story.start(quick_van());
    const std::string rows = "/paymentHistories?size=100";
    const std::string before = Answer(story.get(rows)).field("_embedded.paymentHistories");
    CHECK(before.find("PAYMENT_CANCELED") != std::string::npos);
    const std::string old_url = story.process().url();
    story.stop();
    damage(story.data_dir() + "/payment_history.db", 0, 16);
    const auto refused = serve(story.data_dir());
    CHECK(refused.error.find("remove the file") != std::string::npos);
    fs::remove(story.data_dir() + "/payment_history.db");
    story.start(quick_van());
    CHECK(story.becomes("/paymentHistories", "page.totalElements", "6"));
    std::string after = story.get(rows).field("_embedded.paymentHistories");
    for (auto at = after.find(story.process().url()); at != std::string::npos;
         at = after.find(story.process().url(), at)) {
        after.replace(at, story.process().url().size(), old_url);
    }
    CHECK(after == before);
    CHECK(story.ends_with() == "");
}
