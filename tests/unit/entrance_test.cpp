#include "app/entrance.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "support/requests.hpp"

using namespace bookstore;
using namespace bookstore::test;

namespace {

/// An entrance that lets through two requests of each client, and then hardly any.
struct Limited {
    Limited() { entrance.limit(limiter); }

    /// The status of the refusal; 0: it was let through.
    int ask(const std::string& path, std::string_view from, http::Door door = http::Door::only) {
        http::Request request = request_of(http::Method::get, path);
        request.client = http::parse_address(from).value_or(http::IpAddress{});
        request.door = door;
        const auto hooks = entrance.hooks();
        const auto refusal = hooks.admit(request);
        http::Response response;
        hooks.decorate(request, response);
        fields = 0;
        for (const http::Header& header : response.headers) {
            fields += header.name.starts_with("RateLimit") ? 1 : 0;
        }
        return refusal ? refusal->status : 0;
    }

    SystemClock clock;
    SystemRandom random;
    observe::TraceRequests traces{clock, random};
    http::Hosts hosts = http::Hosts::parse("", {}).value();
    http::Cors cors = http::Cors::parse("*").value();
    http::RateLimiter limiter{{.per_s = 0.001, .burst = 2}};
    app::Entrance entrance{hosts, cors, traces};
    int fields = 0;  ///< of its answer, about the limit
};

}  // namespace

TEST_CASE("a request counts for its subject where there is one, and else for its address") {
    Limited limited;
    std::string subject;
    limited.entrance.limit_by([&](const http::Request&) { return subject; });
    CHECK(limited.ask("/books", "192.0.2.1") == 0);
    CHECK(limited.fields == 2);
    CHECK(limited.ask("/books", "192.0.2.1") == 0);
    CHECK(limited.ask("/books", "192.0.2.1") == 429);
    CHECK(limited.fields == 2);
    // Somebody behind the same address who proves who he is has his own, wherever he is.
    subject = "kim";
    CHECK(limited.ask("/books", "192.0.2.1") == 0);
    CHECK(limited.ask("/books", "192.0.2.2") == 0);
    CHECK(limited.ask("/books", "192.0.2.3") == 429);
    subject = "lee";
    CHECK(limited.ask("/books", "192.0.2.1") == 0);
    subject.clear();
    CHECK(limited.ask("/books", "192.0.2.1") == 429);
}

TEST_CASE("probes, operators at their listener and who has no address are not limited") {
    Limited limited;
    for (int i = 0; i < 5; ++i) {
        for (const std::string probe : {"/isReady", "/isHealthy", "/actuator/health"}) {
            CHECK(limited.ask(probe, "192.0.2.1") == 0);
            CHECK(limited.fields == 0);
        }
        CHECK(limited.ask("/modules", "192.0.2.1", http::Door::operators) == 0);
        CHECK(limited.ask("/books", "") == 0);
    }
    CHECK(limited.ask("/actuator/health/order", "192.0.2.1") == 0);
    CHECK(limited.ask("/isReadyToo", "192.0.2.1") == 0);
    CHECK(limited.ask("/books", "192.0.2.1") == 429);
}

TEST_CASE("without a limit there is nothing to ask before a request is read") {
    const SystemClock clock;
    SystemRandom random;
    observe::TraceRequests traces(clock, random);
    const http::Hosts hosts = http::Hosts::parse("", {}).value();
    const http::Cors cors = http::Cors::parse("*").value();
    app::Entrance entrance(hosts, cors, traces);
    CHECK(!entrance.hooks().admit);
}
