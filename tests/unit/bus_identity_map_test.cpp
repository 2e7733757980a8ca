#include <doctest/doctest.h>
#include <sqlite3.h>

#include "bus/identity_map.hpp"
#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

const storage::Sql select_notes_of{"test", "SELECT notes FROM total WHERE order_id = ?1"};
const storage::Sql upsert_total{
    "test",
    "INSERT INTO total(order_id, notes) VALUES (?1, ?2) "
    "ON CONFLICT (order_id) DO UPDATE SET notes = excluded.notes"
};

/// The notes of each order, one after the other. The file refuses notes that have a "!".
class Totals : public bus::IdentityMap {
  public:
    std::string& change(storage::Connection& db, std::int64_t order_id) {
        const auto [row, unknown] = rows_.try_emplace(order_id);
        if (unknown) {
            auto stored = db.prepare(select_notes_of);
            stored.bind(order_id);
            if (stored.step()) {
                row->second.notes = stored.string(0);
            }
        }
        row->second.changed = true;
        return row->second.notes;
    }
    void flush(storage::Connection& db) override {
        for (auto& [order_id, row] : rows_) {
            if (std::exchange(row.changed, false)) {
                ++writes;
                db.prepare(upsert_total).bind(order_id, row.notes).run();
            }
        }
    }
    void clear() override { rows_.clear(); }

    int writes = 0;

  private:
    struct Row {
        std::string notes;
        bool changed = false;
    };
    std::map<std::int64_t, Row> rows_;
};

/// "shop" publishes; a subscription of "depot" keeps totals in memory.
struct IdentityMapFixture : BusFixture {
    IdentityMapFixture() {
        given_modules("shop depot");
        open();
        module("depot").database->writer().connection().execute(
            "CREATE TABLE total(order_id INTEGER PRIMARY KEY, "
            "notes TEXT NOT NULL CHECK (instr(notes, '!') = 0)) STRICT"
        );
        bus::Policies policies("totals");
        policies.keep_rows_in(totals).whenever<Noted>(
            "add the note",
            bus::Effect::replayable,
            [this](const Noted& event, bus::UnitOfWork& work) {
                totals->change(work.db(), event.order_id) += event.note;
                if (in_handler) {
                    in_handler("totals", event.note);
                }
            }
        );
        auto subscription = subscribed(std::move(policies), module("depot"));
        subscription->start();
        module("depot").subscriptions.push_back(std::move(subscription));
        settled();
    }
    /// "1=ab 2=c"
    std::string rows() {
        const storage::Reader reader = module("depot").database->read();
        return reader
            ->query_text(
                "SELECT group_concat(order_id || '=' || notes, ' ') FROM "
                "(SELECT * FROM total ORDER BY order_id)"
            )
            .value_or("");
    }
    std::int64_t held_now() {
        const storage::Reader reader = module("depot").database->read();
        return subscription("totals").held().counts(*reader).held;
    }

    std::shared_ptr<Totals> totals = std::make_shared<Totals>();
};

}  // namespace

TEST_CASE_FIXTURE(IdentityMapFixture, "a batch writes a row once, however many events changed it") {
    published("shop", "1:a 2:x 1:b 1:c");
    settled();
    CHECK(rows() == "1=abc 2=x");
    CHECK(totals->writes == 2);
    published("shop", "1:d");
    settled();
    CHECK(rows() == "1=abcd 2=x");
}

TEST_CASE_FIXTURE(IdentityMapFixture, "a row that the file refuses holds its event, no other") {
    published("shop", "1:a 1:! 1:c 2:d");
    settled();
    CHECK(rows() == "1=a 2=d");
    CHECK(held_now() == 2);
    after(60'000);
    CHECK(rows() == "1=a 2=d");
    CHECK(held_now() == 2);
    published("shop", "2:e");
    settled();
    CHECK(rows() == "1=a 2=de");
}

TEST_CASE_FIXTURE(IdentityMapFixture, "what a handler changed before it threw is forgotten") {
    for (const int failures : {1, 2, 3}) {
        CAPTURE(failures);
        int left = failures;
        in_handler = [&](const std::string&, const std::string& note) {
            if (note == "x" && left > 0) {
                --left;
                throw std::runtime_error("not yet");
            }
        };
        const auto order = std::to_string(failures);
        published("shop", order + ":a " + order + ":x 9:b " + order + ":c");
        settled_for_good();
        CHECK(left == 0);
    }
    CHECK(rows() == "1=axc 2=axc 3=axc 9=bbb");
    CHECK(held_now() == 0);
}

TEST_CASE_FIXTURE(IdentityMapFixture, "a batch that is run twice changes its rows once") {
    published("shop", "1:a 1:b");
    relayed();
    CHECK(subscription("totals").step());
    bool told = false;
    module("depot").database->writer().submit(
        {.durable = true,
         .run = [](storage::Connection& db) -> bool {
             db.execute("INSERT INTO total VALUES (7, 'rolled back')");
             throw std::runtime_error("all are run again, with a savepoint each");
         },
         .done = [&told](const storage::Outcome&) { told = true; }}
    );
    settled();
    CHECK(told);
    CHECK(rows() == "1=ab");
    published("shop", "1:c");
    settled();
    CHECK(rows() == "1=abc");
}

TEST_CASE_FIXTURE(IdentityMapFixture, "a commit that fails takes what was flushed along") {
    published("shop", "1:a");
    settled();
    for (const FileOperation operation : {FileOperation::write, FileOperation::sync}) {
        published("shop", "1:b 2:c");
        vfs.fail({.operation = operation, .code = SQLITE_FULL, .file = "depot.db"});
        settled();
        vfs.clear_failures();
        settled_for_good();
    }
    CHECK(rows() == "1=abb 2=cc");
    CHECK(held_now() == 0);
}

}  // namespace bookstore::test
