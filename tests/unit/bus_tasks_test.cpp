#include <doctest/doctest.h>
#include <sqlite3.h>

#include <deque>
#include <thread>

#include "bus/tasks.hpp"
#include "support/bus_fixture.hpp"

namespace bookstore::test {
namespace {

const storage::Sql select_due{
    "test",
    "SELECT id, trace FROM intent WHERE next_try > ?1 AND next_try <= ?2 AND result IS NULL "
    "ORDER BY next_try, id LIMIT ?3"
};
const storage::Sql select_next_try{
    "test", "SELECT min(next_try) FROM intent WHERE next_try > ?1 AND result IS NULL"
};
const storage::Sql update_result{"test", "UPDATE intent SET result = ?2 WHERE id = ?1"};
const storage::Sql update_next_try{"test", "UPDATE intent SET next_try = ?2 WHERE id = ?1"};

struct Intent {
    std::int64_t id = 0;
    std::string trace;
};
using Tasks = bus::Tasks<Intent>;

/// Intents in the file of "shop", calls that end when the test says so.
struct TasksFixture : BusFixture {
    struct Call {
        std::int64_t id;
        Tasks::Done done;
    };

    std::deque<Call> calls;
    std::string called;  ///< "1 2": the ids, in the order they were called
    std::unique_ptr<Tasks> tasks;
    std::size_t max_in_flight = 64;
    std::int64_t timeout_ms = 0;
    std::int64_t throws = 0;  ///< the intent whose call throws

    TasksFixture() {
        given_modules("shop");
        open();
        restarted();
    }
    ~TasksFixture() { gone(); }
    TasksFixture(const TasksFixture&) = delete;
    TasksFixture& operator=(const TasksFixture&) = delete;

    storage::Database& database() { return *module("shop").database; }

    /// As at a process's end, what waits is dropped while whoever is told of it is there.
    void gone() {
        database().writer().drop_waiting();
        calls.clear();
        tasks.reset();
    }
    /// The runner, as a new process makes it.
    void restarted() {
        calls.clear();
        database().writer().connection().execute(
            "CREATE TABLE IF NOT EXISTS intent(id INTEGER PRIMARY KEY, next_try INTEGER NOT NULL, "
            "trace TEXT NOT NULL, result TEXT) STRICT"
        );
        Tasks::Spec spec;
        spec.name = "test";
        spec.max_in_flight = max_in_flight;
        spec.longest_wait_ms = 60'000;
        spec.due = [](storage::Connection& db, bus::DueSpan span, std::size_t limit) {
            std::vector<Intent> due;
            auto statement = db.prepare(select_due);
            statement.bind(span.after_ms, span.to_ms, limit);
            while (statement.step()) {
                due.push_back({statement.integer(0), statement.string(1)});
            }
            return due;
        };
        spec.next_try = [](storage::Connection& db, std::int64_t now_ms) {
            auto statement = db.prepare(select_next_try);
            statement.bind(now_ms);
            return statement.step() ? statement.optional_integer(0) : std::nullopt;
        };
        spec.call = [this](const Intent& intent, Tasks::Done done) {
            called += (called.empty() ? "" : " ") + std::to_string(intent.id);
            if (intent.id == throws) {
                throw std::runtime_error("it cannot be called");
            }
            calls.push_back({intent.id, std::move(done)});
        };
        spec.timeout_ms = timeout_ms;
        spec.timed_out = [](const Intent& intent) { return settle(intent.id, "timed out"); };
        tasks = std::make_unique<Tasks>(std::move(spec), *module("shop").outbox, clock);
    }
    void given_intent(std::int64_t id, std::int64_t in_ms = 0) {
        database().writer().connection().execute(fmt::format(
            "INSERT INTO intent VALUES ({}, {}, 'trace-{}', NULL)", id, clock.now_ms() + in_ms, id
        ));
        tasks->intents_changed();
    }
    static Tasks::Settle settle(std::int64_t id, std::string result) {
        return [id, result = std::move(result)](bus::UnitOfWork& work) {
            work.prepare(update_result).bind(id, result).run();
            work.publish(Noted{id, result});
        };
    }
    /// The call of this intent that came first ends.
    void ended(std::int64_t id, const std::string& result = "done") {
        const auto call = std::ranges::find(calls, id, &Call::id);
        REQUIRE(call != calls.end());
        const Tasks::Done done = std::move(call->done);
        calls.erase(call);
        done(settle(id, result));
    }
    void stepped() {
        while (tasks->step() || step_writer("shop")) {
        }
    }
    /// "1:done 2:done", in the order of the ids.
    std::string results() {
        const storage::Reader reader = database().read();
        return reader
            ->query_text(
                "SELECT coalesce(group_concat(id || ':' || result, ' '), '') FROM intent "
                "WHERE result IS NOT NULL"
            )
            .value();
    }
};

}  // namespace

TEST_CASE_FIXTURE(
    TasksFixture, "due intents are called oldest first, those of later wait for their time"
) {
    given_intent(1, 500);
    given_intent(2, -10);
    given_intent(3, -20);
    stepped();
    CHECK(called == "3 2");
    REQUIRE(tasks->due_in_ms());
    CHECK(*tasks->due_in_ms() == 500);
    clock.advance(499);
    stepped();
    CHECK(called == "3 2");
    clock.advance(1);
    stepped();
    CHECK(called == "3 2 1");
    CHECK(tasks->due_in_ms() == std::nullopt);
}

TEST_CASE_FIXTURE(
    TasksFixture, "what a call led to is one transaction, with its trace and its event"
) {
    given_intent(1);
    stepped();
    CHECK(tasks->in_flight() == 1);
    ended(1);
    CHECK(tasks->in_flight() == 1);
    stepped();
    CHECK(tasks->in_flight() == 0);
    CHECK(results() == "1:done");
    relayed();
    REQUIRE(topic_events().size() == 1);
    CHECK(topic_events()[0].trace == "trace-1");
    stepped();
    CHECK(called == "1");
}

TEST_CASE_FIXTURE(
    TasksFixture, "no more than the limit are in flight, the rest follow as room is made"
) {
    max_in_flight = 2;
    restarted();
    for (int id = 1; id <= 5; ++id) {
        given_intent(id);
    }
    stepped();
    CHECK(called == "1 2");
    CHECK_FALSE(tasks->step());
    CHECK(tasks->due_in_ms() == std::nullopt);
    ended(2);
    stepped();
    CHECK(called == "1 2 3");
    ended(3);
    ended(1);
    stepped();
    CHECK(called == "1 2 3 4 5");
    ended(4);
    ended(5);
    stepped();
    CHECK(results() == "1:done 2:done 3:done 4:done 5:done");
}

TEST_CASE_FIXTURE(TasksFixture, "a call that hangs keeps its place and blocks no other") {
    max_in_flight = 2;
    restarted();
    given_intent(1);
    stepped();
    for (int id = 2; id <= 20; ++id) {
        given_intent(id);
        stepped();
        ended(id);
        stepped();
    }
    CHECK(tasks->in_flight() == 1);
    CHECK(words_in(results()).size() == 19);
    CHECK(std::ranges::count(called, '1') > 0);
    CHECK(called.starts_with("1 2 3 4"));
    ended(1);
    stepped();
    CHECK(tasks->in_flight() == 0);
}

TEST_CASE_FIXTURE(TasksFixture, "a call may end while it is made") {
    std::string order;
    given_intent(1);
    given_intent(2);
    while (tasks->step()) {
        while (!calls.empty()) {
            ended(calls.front().id);
        }
    }
    stepped();
    CHECK(results() == "1:done 2:done");
}

TEST_CASE_FIXTURE(TasksFixture, "a call may end on another thread") {
    for (int id = 1; id <= 50; ++id) {
        given_intent(id);
    }
    stepped();
    REQUIRE(calls.size() == 50);
    std::thread other([calls = std::move(calls)] {
        for (const Call& call : calls) {
            call.done(settle(call.id, "done"));
        }
    });
    while (tasks->in_flight() > 0) {
        step_writer("shop");
        tasks->step();
    }
    other.join();
    calls.clear();
    CHECK(words_in(results()).size() == 50);
}

TEST_CASE_FIXTURE(
    TasksFixture, "a result that cannot be stored makes the intent due again, after a pause"
) {
    given_intent(1);
    stepped();
    vfs.fail({.operation = FileOperation::write, .code = SQLITE_FULL, .file = "shop.db"});
    ended(1);
    stepped();
    CHECK(results().empty());
    CHECK(tasks->in_flight() == 0);
    CHECK(called == "1");
    CHECK_FALSE(tasks->step());
    REQUIRE(tasks->due_in_ms());
    CHECK(*tasks->due_in_ms() > 0);
    clock.advance(*tasks->due_in_ms());
    stepped();
    CHECK(called == "1 1");
    ended(1);
    stepped();
    CHECK(results() == "1:done");
}

TEST_CASE_FIXTURE(
    TasksFixture, "a settlement that throws makes the intent due again, and is undone"
) {
    given_intent(1);
    stepped();
    calls.front().done([](bus::UnitOfWork& work) {
        work.publish(Noted{1, "half"});
        throw std::runtime_error("no such order");
    });
    calls.clear();
    stepped();
    relayed();
    CHECK(in_topic().empty());
    clock.advance(200);
    stepped();
    CHECK(called == "1 1");
}

TEST_CASE_FIXTURE(TasksFixture, "a settlement may put the intent off, it is called again then") {
    given_intent(1);
    stepped();
    calls.front().done([this](bus::UnitOfWork& work) {
        work.prepare(update_next_try).bind(1, clock.now_ms() + 5000).run();
    });
    calls.clear();
    stepped();
    CHECK(called == "1");
    REQUIRE(tasks->due_in_ms());
    CHECK(*tasks->due_in_ms() == 5000);
    clock.advance(5000);
    stepped();
    CHECK(called == "1 1");
}

TEST_CASE_FIXTURE(TasksFixture, "after a crash what was in flight is due again") {
    for (const Crash kind : {Crash::process, Crash::power_loss}) {
        const std::int64_t id = kind == Crash::process ? 1 : 2;
        given_intent(id);
        stepped();
        ended(id);  // submitted, not committed
        vfs.crash(kind);
        gone();
        called.clear();
        crash(kind);
        restarted();
        stepped();
        CHECK(called == std::to_string(id));
        ended(id);
        stepped();
        CHECK(results().ends_with(std::to_string(id) + ":done"));
    }
    crash(Crash::power_loss);
    restarted();
    called.clear();
    stepped();
    CHECK(called.empty());
}

TEST_CASE_FIXTURE(TasksFixture, "intents that cannot be read are looked for again after a pause") {
    given_intent(1);
    database().read()->execute("PRAGMA cache_size = 0");
    vfs.fail(
        {.operation = FileOperation::read, .code = SQLITE_IOERR_READ, .file = "shop.db", .times = 3}
    );
    int pauses = 0;
    for (int i = 0; i < 10 && called.empty(); ++i) {
        if (!tasks->step()) {
            ++pauses;
            REQUIRE(tasks->due_in_ms());
            clock.advance(std::max<std::int64_t>(*tasks->due_in_ms(), 1));
        }
    }
    CHECK(called == "1");
    CHECK(pauses <= 3);
}

TEST_CASE_FIXTURE(
    TasksFixture, "the wall clock set back by hours puts an intent off by no more than its wait"
) {
    given_intent(1, 5000);
    stepped();
    CHECK(called == "");
    clock.set_wall_clock(clock.now_ms() - 7'200'000);
    REQUIRE(tasks->due_in_ms());
    CHECK(*tasks->due_in_ms() == 0);
    stepped();
    CHECK(called == "1");
    CHECK(tasks->due_in_ms() == std::nullopt);  // nobody spins while it is in flight
    ended(1);
    stepped();
    // The same of a new process, which knows nothing but the file.
    given_intent(2, 60'000);
    given_intent(3, 60'001);
    restarted();
    stepped();
    CHECK(called == "1 3");
    ended(3);
    stepped();
    REQUIRE(tasks->due_in_ms());
    CHECK(*tasks->due_in_ms() == 60'000);
    clock.advance(60'000);
    stepped();
    CHECK(called == "1 3 2");
}

TEST_CASE_FIXTURE(
    TasksFixture, "the wall clock set back does not stop tasks for longer than the pause"
) {
    given_intent(1);
    stepped();
    vfs.fail({.operation = FileOperation::write, .code = SQLITE_FULL, .file = "shop.db"});
    ended(1);
    stepped();
    clock.set_wall_clock(clock.now_ms() - 100);
    given_intent(2, -3'600'000);
    clock.advance(200);
    stepped();
    CHECK(called.find('2') != std::string::npos);
}

TEST_CASE_FIXTURE(
    TasksFixture,
    "a call that takes too long is settled without it, and what it says later is ignored"
) {
    timeout_ms = 1000;
    restarted();
    given_intent(1);
    given_intent(2);
    stepped();
    REQUIRE(tasks->due_in_ms());
    CHECK(*tasks->due_in_ms() == 1000);
    ended(2);
    stepped();
    clock.advance(999);
    stepped();
    CHECK(results() == "2:done");
    clock.advance(1);
    stepped();
    CHECK(results() == "1:timed out 2:done");
    CHECK(tasks->in_flight() == 0);
    ended(1, "late");
    stepped();
    CHECK(results() == "1:timed out 2:done");
    relayed();
    CHECK(in_topic() == "2:done 1:timed out");
    CHECK(tasks->due_in_ms() == std::nullopt);
}

TEST_CASE_FIXTURE(
    TasksFixture, "a late answer of an earlier call does not settle a later one of the same intent"
) {
    timeout_ms = 1000;
    restarted();
    given_intent(1);
    stepped();
    const Tasks::Done late = calls.front().done;
    vfs.fail({.operation = FileOperation::write, .code = SQLITE_FULL, .file = "shop.db"});
    clock.advance(1000);
    stepped();  // that it timed out could not be stored
    CHECK(results().empty());
    clock.advance(200);
    stepped();
    CHECK(called == "1 1");
    late(settle(1, "late"));
    stepped();
    CHECK(results().empty());
    CHECK(tasks->in_flight() == 1);
    calls.pop_front();
    ended(1, "in time");
    stepped();
    CHECK(results() == "1:in time");
}

TEST_CASE_FIXTURE(TasksFixture, "a call whose end was dropped is made again, after a pause") {
    given_intent(1);
    stepped();
    CHECK(called == "1");
    CHECK(tasks->in_flight() == 1);
    calls.clear();
    stepped();
    CHECK(tasks->in_flight() == 0);
    CHECK(called == "1");
    clock.advance(200);
    stepped();
    CHECK(called == "1 1");
    ended(1);
    stepped();
    CHECK(results() == "1:done");
}

TEST_CASE_FIXTURE(
    TasksFixture, "a call that throws keeps no other from its turn, and is made again"
) {
    throws = 1;
    given_intent(1);
    given_intent(2);
    stepped();
    CHECK(called == "1 2");
    ended(2);
    stepped();
    CHECK(results() == "2:done");
    CHECK(tasks->in_flight() == 0);
    throws = 0;
    clock.advance(200);
    stepped();
    ended(1);
    stepped();
    CHECK(results() == "1:done 2:done");
}

}  // namespace bookstore::test
