#include "kernel/command_path.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/bus_fixture.hpp"
#include "support/requests.hpp"

// A command that is dropped, or thrown out of, on its way: its client is answered all the same.

namespace bookstore::test {
namespace {

using kernel::Ask;
using kernel::Continue;
using kernel::Next;

struct CommandFixture : BusFixture {
    const std::string name = "shop";
    bus::Gate gate;
    kernel::Lifecycle lifecycle{name, gate};
    std::optional<bus::Strand> strand;
    std::optional<kernel::CommandPath> commands;
    std::vector<int> answers;
    std::vector<std::unique_ptr<http::Request>> requests;
    std::vector<Continue> asked;

    CommandFixture() {
        given_modules("shop");
        open();
        lifecycle.move_to(kernel::Lifecycle::State::running);
        strand.emplace(clock, [] {});
        commands.emplace(
            kernel::CommandPath::Parts{
                .context = name,
                .database = *module("shop").database,
                .outbox = *module("shop").outbox,
                .strand = *strand,
                .clock = clock,
                .pressure = pressure,
                .lifecycle = lifecycle
            },
            1000
        );
    }
    ~CommandFixture() {
        asked.clear();
        close();
    }
    CommandFixture(const CommandFixture&) = delete;
    CommandFixture& operator=(const CommandFixture&) = delete;

    void run(const kernel::Command& command, const std::string& key = {}) {
        requests.push_back(std::make_unique<http::Request>());
        http::Request& request = *requests.back();
        request.method = http::Method::post;
        request.target = request.path = "/things";
        if (!key.empty()) {
            request.headers.push_back({"Idempotency-Key", key});
        }
        commands->run(command, request, !key.empty(), [this](const http::Answer& answer) {
            answers.push_back(status_of(answer));
        });
    }
    /// Asks, and is continued by the test.
    kernel::Command asking() {
        return [this](const http::Request&, const storage::Reader&) {
            return Next{Ask{[this](Continue go_on) { asked.push_back(std::move(go_on)); }}};
        };
    }
    /// Would what has waited for a moment wait a little longer for the commands?
    bool is_busy() {
        clock.advance(100);
        return pressure.gives_way(10, 1000);
    }
};

}  // namespace

TEST_CASE_FIXTURE(CommandFixture, "a command whose question is dropped is answered 503") {
    for (int i = 0; i < 40; ++i) {
        run(asking());
    }
    CHECK(answers.empty());
    asked.clear();
    CHECK(answers == std::vector<int>(40, 503));
    CHECK_FALSE(is_busy());
}

TEST_CASE_FIXTURE(CommandFixture, "commands that wait for what they asked are no load") {
    for (int i = 0; i < 40; ++i) {
        run(asking());
    }
    CHECK_FALSE(is_busy());
}

TEST_CASE_FIXTURE(
    CommandFixture,
    "what a command throws after its question is answered, not thrown at who was asked"
) {
    run(asking());
    CHECK_NOTHROW(asked.front()({Ask{[](const Continue&) { throw std::runtime_error("oh"); }}}));
    CHECK(answers == std::vector<int>{500});
}

TEST_CASE_FIXTURE(
    CommandFixture, "a command that is dropped in the writer is answered, its key free"
) {
    const kernel::Command writing = [](const http::Request&, const storage::Reader&) {
        return Next{kernel::Write{[](bus::UnitOfWork&) -> http::Answer { return http::Response{}; }}
        };
    };
    run(writing, "k");
    module("shop").database->writer().drop_waiting();
    CHECK(answers == std::vector<int>{503});
    CHECK_FALSE(is_busy());
    run(writing, "k");
    step_writer("shop");
    CHECK(answers == std::vector<int>{503, 200});
}

TEST_CASE_FIXTURE(
    CommandFixture,
    "a write that SQLite refuses is that request's fault, and names no storage trouble"
) {
    run([](const http::Request&, const storage::Reader&) {
        return Next{kernel::Write{[](bus::UnitOfWork& work) -> http::Answer {
            work.db().execute("SELECT * FROM no_such_table");
            return http::Response{};
        }}};
    });
    step_writer("shop");
    CHECK(answers == std::vector<int>{500});
    CHECK(module("shop").database->writer().healthy());
}

}  // namespace bookstore::test
