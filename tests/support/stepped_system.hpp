#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/contexts.hpp"
#include "host/system.hpp"
#include "http/router.hpp"
#include "support/memory_vfs.hpp"
#include "support/requests.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// The bookstore on one thread, on a disk in memory, stepped by the test.
struct SteppedSystem {
    struct Sent {
        http::Request request;
        std::optional<int> status;
    };

    explicit SteppedSystem(app::ContextOptions contexts = {}) : options(std::move(contexts)) {
        open({});
    }
    ~SteppedSystem() {
        router.reset();
        system.reset();
    }
    SteppedSystem(const SteppedSystem&) = delete;
    SteppedSystem& operator=(const SteppedSystem&) = delete;

    void open(std::vector<std::string> stopped) {
        router.reset();
        system.reset();
        system = std::make_unique<host::System>(
            app::contexts(options),
            host::SystemOptions{
                .data_dir = "/data", .vfs = vfs.name(), .stopped = std::move(stopped)
            },
            clock,
            random,
            [](std::size_t) {}
        );
        std::vector<http::Route> routes;
        for (kernel::Endpoint& endpoint : system->endpoints()) {
            routes.push_back(std::move(endpoint.route));
        }
        router = std::make_unique<http::Router>(std::move(routes));
    }

    Sent& send(http::Method method, const std::string& target, const std::string& body = {}) {
        sent.push_back(std::make_unique<Sent>());
        Sent& one = *sent.back();
        one.request = request_of(method, target, body);
        router->dispatch(one.request, [&one](const http::Answer& answer) {
            one.status = status_of(answer);
        });
        return one;
    }
    int answered(http::Method method, const std::string& target, const std::string& body = {}) {
        Sent& one = send(method, target, body);
        settle();
        return one.status.value_or(0);
    }
    /// Until nothing is to be done at this moment.
    void settle() {
        for (bool did = true; did;) {
            did = system->relay().step();
            for (const auto& module : system->modules()) {
                did = module->step() || did;
            }
        }
    }
    kernel::HostedModule& module(const std::string& name) { return system->module(name); }
    void stop(const std::string& name) {
        bool told = false;
        module(name).stop([&told] { told = true; });
        settle();
        REQUIRE(told);
        REQUIRE(module(name).state() == kernel::HostedModule::State::stopped);
    }
    /// It goes on, and has not read anything yet.
    void go_on(const std::string& name) {
        bool told = false;
        module(name).resume([&told] { told = true; });
        module(name).strand().step();
        REQUIRE(told);
    }
    std::int64_t ask(const std::string& name, const std::string& sql) {
        const storage::Reader reader = module(name).database().read();
        return reader->query_integer(sql);
    }
    void given_customer_and_book(const std::string& stock = "5") {
        REQUIRE(answered(http::Method::post, "/customers", R"({"customerName":"Kim"})") == 201);
        REQUIRE(
            answered(http::Method::post, "/books", R"({"bookName":"C++","stock":)" + stock + "}") ==
            201
        );
    }

    app::ContextOptions options;
    Quiet quiet;
    MemoryVfs vfs{1};
    VirtualClock clock;
    SeededRandom random{1};
    std::unique_ptr<host::System> system;
    std::unique_ptr<http::Router> router;
    std::vector<std::unique_ptr<Sent>> sent;
};

}  // namespace bookstore::test
