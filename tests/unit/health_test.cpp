#include "host/health.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <thread>

#include "app/contexts.hpp"
#include "host/lag.hpp"
#include "host/threads.hpp"
#include "support/eventually.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

/// The whole system on its own threads, on a disk that can fail and hang.
struct RunningSystem {
    Quiet quiet;
    MemoryVfs vfs;
    const SystemClock clock;
    SeededRandom random{1};
    host::Threads threads{host::System::places(app::contexts(), {})};
    host::System system{
        app::contexts(), {.data_dir = "data", .vfs = vfs.name()}, clock, random, threads.ring()
    };
    host::Health health{
        system, threads, clock, {.data_dir = "data", .stall_timeout = std::chrono::milliseconds(50)}
    };

    RunningSystem() { threads.start(system); }
    ~RunningSystem() { threads.stop(); }

    /// Publishes an event of that context.
    void write(const std::string& context) {
        kernel::HostedModule& module = system.module(context);
        module.database().writer().submit({
            .durable = true,
            .run =
                [&module](storage::Connection& db) {
                    const auto& published = module.module().declarations().published;
                    const std::string& type = published.front().type;
                    module.outbox().append(db, "customer-1", type, 0, "", "{}");
                    return true;
                },
            .done = [](const storage::Outcome&) {},
        });
    }
    /// Runs that in its file.
    void execute(const std::string& context, const std::string& sql) {
        system.module(context).submit({
            .durable = true,
            .run =
                [sql](storage::Connection& db) {
                    db.execute(sql);
                    return true;
                },
            .done = [](const storage::Outcome&) {},
        });
    }
    std::size_t place(const std::string& context) {
        for (std::size_t i = 0; i < system.modules().size(); ++i) {
            if (system.modules()[i]->name() == context) {
                return i;
            }
        }
        return 0;
    }
};

}  // namespace

TEST_CASE_FIXTURE(RunningSystem, "a system at rest is well") {
    health.update();
    CHECK(health.fault() == "");
    CHECK(health.unhealthy_for() == std::chrono::milliseconds(0));
    CHECK(health.fault_of(system.relay_place()) == "");
}

TEST_CASE_FIXTURE(
    RunningSystem, "a disk that does not answer makes its context hang, until it does"
) {
    // The threads call the hook for longer than this test lives: what it looks at is its own.
    struct Gate {
        std::latch released{1};
        std::atomic<bool> hang{true};
    };
    const auto gate = std::make_shared<Gate>();
    vfs.before_write([gate](FileOperation operation, const std::string& file) {
        if (operation == FileOperation::sync && file.find("order.db") != file.npos && gate->hang) {
            gate->released.wait();
        }
    });
    write("order");
    CHECK(eventually([&] {
        return health.fault().starts_with("the order context hangs: it is in one step for");
    }));
    CHECK(health.fault_of(place("order")).starts_with("the order context hangs"));
    CHECK(health.fault_of(place("payment")) == "");
    health.update();
    CHECK(eventually([&] { return health.unhealthy_for() > std::chrono::milliseconds(20); }));
    gate->hang = false;
    gate->released.count_down();
    CHECK(eventually([&] { return health.fault().empty(); }));
    health.update();
    CHECK(health.unhealthy_for() == std::chrono::milliseconds(0));
}

TEST_CASE_FIXTURE(
    RunningSystem, "a full disk is a fault, and gone when there is room, though nobody writes"
) {
    vfs.fail(
        {.operation = FileOperation::write,
         .code = SQLITE_FULL,
         .file = "payment.db",
         .times = 1 << 20}
    );
    write("payment");
    CHECK(eventually([&] {
        return health.fault() == "the storage of the payment context refuses writes (payment.db)";
    }));
    for (int i = 0; i < 5; ++i) {
        health.update();
        CHECK_FALSE(health.fault().empty());
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    vfs.clear_failures();
    CHECK(eventually([&] {
        health.update();
        return health.fault().empty();
    }));
}

TEST_CASE_FIXTURE(RunningSystem, "a relay that cannot write the topic is a fault until it can") {
    vfs.fail(
        {.operation = FileOperation::write,
         .code = SQLITE_FULL,
         .file = "topic.db",
         .times = 1 << 20}
    );
    write("customer");
    const std::string fault = "the relay cannot write the topic (topic.db)";
    CHECK(eventually([&] { return health.fault() == fault; }));
    CHECK(health.fault_of(system.relay_place()) == fault);
    vfs.clear_failures();
    CHECK(eventually([&] { return health.fault().empty(); }));
    CHECK(eventually([&] { return system.topic().end() == 1; }));
}

TEST_CASE_FIXTURE(
    RunningSystem,
    "an outbox that cannot be read is a fault of its context alone, and names the file"
) {
    execute("customer", "ALTER TABLE outbox RENAME COLUMN payload TO lost");
    system.module("customer").outbox().signal();
    system.ring_relay();
    const std::string fault = "the events of the customer context cannot be relayed (customer.db)";
    CHECK(eventually([&] {
        system.module("customer").outbox().signal();
        system.ring_relay();
        return health.fault() == fault;
    }));
    CHECK(health.fault_of(place("customer")) == fault);
    CHECK(health.fault_of(system.relay_place()) == "");
    CHECK(health.fault_of(place("delivery")) == "");
    const std::int64_t end = system.topic().end();
    write("delivery");
    CHECK(eventually([&] { return system.topic().end() == end + 1; }));
    execute("customer", "ALTER TABLE outbox RENAME COLUMN lost TO payload");
    CHECK(eventually([&] { return health.fault().empty(); }));
}

TEST_CASE_FIXTURE(RunningSystem, "a task that cannot read what is due is a fault until it can") {
    execute("payment", "ALTER TABLE payment RENAME COLUMN next_try TO lost");
    const std::string fault = "the task ask-van of the payment context cannot go on (payment.db)";
    CHECK(eventually([&] { return health.fault() == fault; }));
    CHECK(health.fault_of(place("payment")) == fault);
    CHECK(health.fault_of(place("order")) == "");
    execute("payment", "ALTER TABLE payment RENAME COLUMN lost TO next_try");
    CHECK(eventually([&] { return health.fault().empty(); }));
}

TEST_CASE_FIXTURE(
    RunningSystem,
    "a subscription that cannot go on is a fault until it can, and its backlog says so"
) {
    const auto state = [this] {
        kernel::HostedModule& delivery = system.module("delivery");
        return delivery.state_of(*delivery.subscriptions().front());
    };
    CHECK(state() == bus::BacklogState::empty);
    execute("delivery", "ALTER TABLE subscription RENAME COLUMN position TO lost");
    write("order");
    const std::string fault =
        "the subscription delivery of the delivery context cannot go on (delivery.db)";
    CHECK(eventually([&] { return health.fault_of(place("delivery")) == fault; }));
    CHECK(state() == bus::BacklogState::failing);
    CHECK(health.fault_of(system.relay_place()) == "");
    execute("delivery", "ALTER TABLE subscription RENAME COLUMN lost TO position");
    CHECK(eventually([&] { return health.fault_of(place("delivery")).empty(); }));
    CHECK(eventually([&] { return state() == bus::BacklogState::empty; }));
}

TEST_CASE_FIXTURE(
    RunningSystem, "while the topic refuses nobody can say how long events wait, and not no time"
) {
    host::Lag lag(system.relay(), system.modules(), clock);
    CHECK(lag.measure().has_value());
    vfs.fail(
        {.operation = FileOperation::write,
         .code = SQLITE_FULL,
         .file = "topic.db",
         .times = 1 << 20}
    );
    write("customer");
    CHECK(eventually([&] { return !lag.measure().has_value(); }));
    vfs.clear_failures();
    CHECK(eventually([&] { return lag.measure().has_value(); }));
}

TEST_CASE_FIXTURE(
    RunningSystem, "only events that are worked off count as late, and since that is so"
) {
    host::Lag lag(system.relay(), system.modules(), clock);
    execute("delivery", "ALTER TABLE subscription RENAME COLUMN position TO lost");
    write("order");
    const auto& delivery = *system.module("delivery").subscriptions().front();
    CHECK(eventually([&] { return !delivery.healthy() && lag.measure() == 0; }));
    execute("delivery", "ALTER TABLE subscription RENAME COLUMN lost TO position");
    CHECK(eventually([&] { return delivery.healthy(); }));
}

TEST_CASE_FIXTURE(RunningSystem, "a zombie stays one") {
    health.make_zombie();
    CHECK(health.fault() == "Zombie...");
    health.update();
    CHECK(eventually([&] { return health.unhealthy_for() > std::chrono::milliseconds(1); }));
}

}  // namespace bookstore::test
