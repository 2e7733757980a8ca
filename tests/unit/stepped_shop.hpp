#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "app/contexts.hpp"
#include "host/system.hpp"
#include "http/router.hpp"
#include "support/partition.hpp"
#include "support/requests.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// A bookstore over a directory on disk, stepped by the test.
struct SteppedShop {
    SteppedShop(const std::string& directory, const host::PartitionOptions& partition = {})
        : system(std::make_unique<host::System>(
              app::contexts(),
              host::SystemOptions{.data_dir = directory, .partition = partition},
              clock,
              random,
              [](std::size_t) {}
          )) {
        std::vector<http::Route> routes;
        for (kernel::Endpoint& endpoint : system->endpoints()) {
            routes.push_back(std::move(endpoint.route));
        }
        router = std::make_unique<http::Router>(std::move(routes));
        settle();
    }
    ~SteppedShop() {
        router.reset();
        for (const auto& module : system->modules()) {
            module->finish();
        }
    }
    SteppedShop(const SteppedShop&) = delete;
    SteppedShop& operator=(const SteppedShop&) = delete;

    void settle() {
        for (bool did = true; did;) {
            did = system->relay().step();
            for (const auto& module : system->modules()) {
                did = module->step() || did;
            }
        }
    }
    using Query = std::vector<std::pair<std::string, std::string>>;
    int answered(
        http::Method method,
        const std::string& target,
        const std::string& body = {},
        const Query& query = {}
    ) {
        requests.push_back(std::make_unique<http::Request>(request_of(method, target, body)));
        requests.back()->query = query;
        int status = 0;
        router->dispatch(*requests.back(), [&](const http::Answer& answer) {
            status = status_of(answer);
            if (const auto* response = std::get_if<http::Response>(&answer)) {
                last = response->body;
            }
        });
        settle();
        return status;
    }
    void order() {
        REQUIRE(
            answered(
                http::Method::post,
                "/orders",
                R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"x","payAmount":5})"
            ) == 201
        );
    }
    /// The greatest id of a collection whose ids have no gap.
    std::int64_t newest(const std::string& collection) {
        REQUIRE(answered(http::Method::get, collection) == 200);
        return boost::json::parse(last).at("page").at("totalElements").as_int64();
    }
    void given_customer_and_book() {
        REQUIRE(answered(http::Method::post, "/customers", R"({"customerName":"Kim"})") == 201);
        REQUIRE(answered(http::Method::post, "/books", R"({"bookName":"C++","stock":9})") == 201);
    }
    /// "1 Registered customer", a line each.
    std::string log() {
        std::string all;
        for (const auto& event : system->topic().read(0, {}, 1000).events) {
            all += fmt::format("{} {} {}\n", event->position, event->type, event->payload);
        }
        return all;
    }

    Quiet quiet;
    VirtualClock clock;
    SeededRandom random{1};
    std::unique_ptr<host::System> system;
    std::unique_ptr<http::Router> router;
    std::vector<std::unique_ptr<http::Request>> requests;
    std::string last;
};

/// Its topic is a mirror of that partition, under that name.
inline host::PartitionOptions mirror_of(Partition& of, const std::string& topic) {
    return {
        .topic = topic,
        .pipe = [&of](std::function<void()> ring) { return of.pipe(std::move(ring)); },
        .audit_every_ms = 0,
        .short_for_ms = 0,
    };
}

}  // namespace bookstore::test
