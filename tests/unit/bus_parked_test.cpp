#include <doctest/doctest.h>
#include <sqlite3.h>

#include "bus/held_table.hpp"
#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

/// "shop" publishes, "listener" in "depot" parks at the first failure.
struct ParkedFixture : BusFixture {
    ParkedFixture() { given_modules("shop depot"); }
    void given_a_listener(std::int64_t most = 1) {
        given_listener(
            {.module = "depot",
             .name = "listener",
             .retry = {.attempts = most, .first_ms = 100, .most_ms = 100}}
        );
        open();
        settled();
    }
    storage::Connection& db() { return module("depot").database->writer().connection(); }
    /// What an operator's write does, in a transaction.
    template <class Act>
    auto operated(Act act) {
        db().execute("BEGIN IMMEDIATE");
        const auto result = act(db());
        db().execute("COMMIT");
        subscription("listener").held_changed();
        settled();
        return result;
    }
    bool retried(std::int64_t position) {
        return operated([&](auto& c) { return parked.retry(c, position, clock.now_ms()); });
    }
    bool skipped(std::int64_t position) {
        return operated([&](auto& c) { return parked.skip(c, position, "no", clock.now_ms()); });
    }
    /// "1 parked, 2 waiting"
    std::string all() {
        static constexpr const char* words[] = {"retrying", "waiting", "parked", "skipped"};
        std::string text;
        for (const auto& event : parked.page(db(), false, 0, 1000)) {
            text += fmt::format(
                "{}{} {}",
                text.empty() ? "" : ", ",
                event.position,
                words[static_cast<int>(event.state)]
            );
        }
        return text;
    }
    std::string effects() { return BusFixture::effects("listener"); }

    bus::HeldTable parked{"listener"};
};

/// Counts the statements that a connection runs.
class Statements {
  public:
    explicit Statements(storage::Connection& db) : db_(db.handle()) {
        sqlite3_trace_v2(
            db_,
            SQLITE_TRACE_STMT,
            [](unsigned, void* self, void*, void*) {
                ++static_cast<Statements*>(self)->count;
                return 0;
            },
            this
        );
    }
    ~Statements() { sqlite3_trace_v2(db_, 0, nullptr, nullptr); }
    Statements(const Statements&) = delete;
    Statements& operator=(const Statements&) = delete;
    std::int64_t count = 0;

  private:
    sqlite3* db_;
};

/// Steps of SQLite's machine that this statement took so far, per run.
double steps_of(storage::Connection& db, std::string_view begin) {
    for (sqlite3_stmt* each = sqlite3_next_stmt(db.handle(), nullptr); each != nullptr;
         each = sqlite3_next_stmt(db.handle(), each)) {
        if (std::string_view(sqlite3_sql(each)).starts_with(begin)) {
            const int steps = sqlite3_stmt_status(each, SQLITE_STMTSTATUS_VM_STEP, 1);
            const int runs = sqlite3_stmt_status(each, SQLITE_STMTSTATUS_RUN, 1);
            return runs == 0 ? 0 : static_cast<double>(steps) / runs;
        }
    }
    return -1;
}

}  // namespace

TEST_CASE_FIXTURE(
    ParkedFixture, "a parked event that is retried is tried once, then parked again"
) {
    given_a_listener();
    given_failing("a");
    published("shop", "1:a 1:b 2:c");
    settled();
    CHECK(effects() == "2:c");
    CHECK(all() == "1 parked, 2 waiting");
    CHECK(retried(1));
    CHECK(all() == "1 parked, 2 waiting");
    CHECK(parked.find(db(), 1)->attempts == 2);
    CHECK_FALSE(retried(2));  // it waits
    CHECK_FALSE(retried(3));
    cured("a");
    CHECK(retried(1));
    CHECK(effects() == "2:c 1:a 1:b");
    CHECK(all().empty());
    CHECK_FALSE(parked.find(db(), 1));
}

TEST_CASE_FIXTURE(ParkedFixture, "one that is retried anyway can be hurried") {
    given_a_listener(5);
    given_failing("a", 2);
    published("shop", "1:a");
    settled();
    CHECK(all() == "1 retrying");
    CHECK(retried(1));  // time stands still
    CHECK(effects() == "1:a");
}

TEST_CASE_FIXTURE(ParkedFixture, "a skipped event lets those behind it go, and is on record") {
    given_a_listener();
    given_failing("a");
    published("shop", "1:a 1:b 1:c");
    settled();
    CHECK(skipped(1));
    CHECK(effects() == "1:b 1:c");
    const auto record = parked.find(db(), 1);
    REQUIRE(record);
    CHECK(record->state == bus::HeldEvent::State::skipped);
    CHECK(record->reason == "no");
    CHECK(record->skipped_at_ms == clock.now_ms());
    CHECK(record->error == "cannot handle a");
    CHECK(record->type == "Noted");
    CHECK_FALSE(skipped(1));
    CHECK_FALSE(retried(1));
    CHECK(parked.skipped(db()) == std::vector<std::int64_t>{1});
}

TEST_CASE_FIXTURE(ParkedFixture, "skipping one that waits does not stir the one before it") {
    given_a_listener();
    given_failing("a");
    published("shop", "1:a 1:b 1:c");
    settled();
    const int tried = attempts["listener a"];
    CHECK(skipped(2));
    after(1'000'000);
    CHECK(attempts["listener a"] == tried);
    CHECK(all() == "1 parked, 3 waiting");
    cured("a");
    CHECK(retried(1));
    CHECK(effects() == "1:a 1:c");
}

TEST_CASE_FIXTURE(ParkedFixture, "a skip while its retry waits to be written is what counts") {
    given_a_listener(5);
    given_failing("a", 2);
    published("shop", "1:a 2:b");
    settled();
    clock.advance(1000);
    REQUIRE(subscription("listener").step());  // the retry is submitted
    db().execute("BEGIN IMMEDIATE");
    CHECK(parked.skip(db(), 1, "no", clock.now_ms()));
    db().execute("COMMIT");
    settled();
    CHECK(effects() == "2:b");
    CHECK(all().empty());
}

TEST_CASE_FIXTURE(ParkedFixture, "all that is parked is retried or skipped at once") {
    given_a_listener();
    for (const std::string note : {"a", "b", "c"}) {
        given_failing(note);
    }
    published("shop", "1:a 2:b 3:c 1:d 4:e");
    settled();
    CHECK(parked.count(db(), true) == 3);
    CHECK(parked.count(db(), false) == 4);
    CHECK(parked.page(db(), true, 1, 1).at(0).position == 2);
    cured("b");
    CHECK(operated([&](auto& c) { return parked.retry_parked(c, clock.now_ms()); }) == 3);
    CHECK(all() == "1 parked, 3 parked, 4 waiting");
    CHECK(operated([&](auto& c) { return parked.skip_parked(c, "all", clock.now_ms()); }) == 2);
    CHECK(all().empty());
    CHECK(effects() == "4:e 2:b 1:d");
}

TEST_CASE_FIXTURE(ParkedFixture, "what is passed over is never handled nor held") {
    given_a_listener();
    given_failing("a");
    published("shop", "1:a 1:b");
    settled();
    CHECK(skipped(1));
    auto again = made({.module = "depot", .name = "listener"}, "listener.rebuild");
    again->start({.passed_over = parked.skipped(db())});
    while (again->step() || step_all()) {
    }
    CHECK(again->position() == 2);
    CHECK(BusFixture::effects("listener") == "1:b");
    CHECK(ask("depot", "SELECT count(*) FROM held") == 0);
    CHECK(ask("depot", "SELECT count(*) FROM effect WHERE listener = 'listener.rebuild'") == 1);
}

TEST_CASE_FIXTURE(ParkedFixture, "what is passed over though it was held goes, and frees its key") {
    given_a_listener();
    given_failing("a");
    published("shop", "1:a 1:b 1:c 2:d");
    settled();
    REQUIRE(all() == "1 parked, 2 waiting, 3 waiting");
    CHECK(operated([&](auto& c) {
        parked.pass_over(c, {1, 3, 4}, clock.now_ms());
        return true;
    }));
    CHECK(effects() == "2:d 1:b");
    CHECK(all() == "");
    CHECK(parked.skipped(db()).empty());
}

TEST_CASE_FIXTURE(ParkedFixture, "many that fail again and again do not keep the others waiting") {
    given_a_listener(1'000'000);
    std::string failing;
    for (int i = 0; i < 640; ++i) {  // ten transactions of retries
        failing += fmt::format("{}:f{} ", i, i);
        given_failing(fmt::format("f{}", i));
    }
    published("shop", failing);
    settled();
    clock.advance(1000);  // all of them are due
    published("shop", "1000:good");
    relayed();
    int steps = 0;
    while (effects().empty()) {
        subscription("listener").step();
        step_writer("depot");
        REQUIRE(++steps < 4);
    }
}

TEST_CASE_FIXTURE(ParkedFixture, "ten thousand held keys cost a healthy event next to nothing") {
    given_a_listener();
    std::string healthy;
    for (int i = 0; i < 256; ++i) {
        healthy += fmt::format("{}:h ", 1'000'000 + i);
    }
    std::int64_t without = 0;
    {
        const Statements statements(db());
        published("shop", healthy);
        settled();
        without = statements.count;
    }
    const auto steps_of_a_look = [this] {
        constexpr auto select_key = "SELECT 1 FROM held WHERE subscription = ?1 AND key";
        steps_of(db(), select_key);
        for (int i = 0; i < 100; ++i) {
            CHECK_FALSE(parked.has(db(), fmt::format("order-{}", 1'000'000 + i)));
        }
        return steps_of(db(), select_key);
    };
    given_failing("f");
    double steps_with_few = 0;
    for (int held = 0; held < 10'000; held += 200) {
        std::string failing;
        for (int i = held; i < held + 200; ++i) {
            failing += fmt::format("{}:f ", i);
        }
        published("shop", failing);
        settled();
        if (held == 0) {
            steps_with_few = steps_of_a_look();
        }
    }
    REQUIRE(parked.count(db(), true) == 10'000);
    CHECK(steps_with_few > 0);
    CHECK(steps_of_a_look() == steps_with_few);  // a seek, however many there are
    // And few events need one: their keys are known not to be among those that are held.
    const Statements statements(db());
    published("shop", healthy);
    settled();
    CHECK(statements.count < without + 256 / 10);
    CHECK(words_in(effects()).size() == 2 * 256);
}

TEST_CASE("a filter of keys never says no of one that it has, and seldom yes of another") {
    bus::KeyFilter keys;
    CHECK_FALSE(keys.may_have("order-1"));
    bus::KeyFilter others;
    for (int i = 0; i < 10'000; ++i) {
        (i % 2 == 0 ? keys : others).add(fmt::format("order-{}", i));
    }
    keys.add_all(others);
    keys.add_all(bus::KeyFilter());
    int wrong = 0;
    for (int i = 0; i < 10'000; ++i) {
        CHECK(keys.may_have(fmt::format("order-{}", i)));
        wrong += keys.may_have(fmt::format("order-{}", 1'000'000 + i)) ? 1 : 0;
    }
    CHECK(wrong < 500);
    keys.clear();
    CHECK_FALSE(keys.may_have("order-1"));
}

}  // namespace bookstore::test
