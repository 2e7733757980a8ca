#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <vector>

#include "support/stepped_system.hpp"

// A context is stopped between any two steps.

namespace bookstore::test {
namespace {

using kernel::HostedModule;

struct Stepped : SteppedSystem {
    void given_an_order() {
        given_customer_and_book();
        REQUIRE(
            answered(
                http::Method::post,
                "/orders",
                R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
            ) == 201
        );
    }
};

constexpr auto moved_on = R"({"deliveryStatus":"InTransit"})";

}  // namespace

TEST_CASE_FIXTURE(Stepped, "a write that was asked for before a stop and not written yet is 503") {
    auto& written = send(http::Method::post, "/customers", R"({"customerName":"Kim"})");
    module("customer").step();
    CHECK(written.status == 201);
    auto& late = send(http::Method::post, "/customers", R"({"customerName":"Lee"})");
    bool told = false;
    module("customer").stop([&] {
        told = true;
        CHECK(late.status == 503);  // settled before the stop is told
    });
    CHECK_FALSE(late.status);
    module("customer").step();
    CHECK(told);
    CHECK(ask("customer", "SELECT count(*) FROM customer") == 1);
    CHECK(answered(http::Method::get, "/customers/1") == 503);
    go_on("customer");
    settle();
    CHECK(answered(http::Method::get, "/customers/1") == 200);
    CHECK(answered(http::Method::post, "/customers", R"({"customerName":"Lee"})") == 201);
    CHECK(ask("customer", "SELECT max(id) FROM customer") == 2);
}

TEST_CASE_FIXTURE(
    Stepped, "a write that outlived a stop and a start is 503 while events are missed"
) {
    given_an_order();
    stop("delivery");
    REQUIRE(
        answered(
            http::Method::post,
            "/orders",
            R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
        ) == 201
    );
    go_on("delivery");
    settle();
    auto& late = send(http::Method::patch, "/deliveries/1", moved_on);
    module("delivery").stop([] {});
    go_on("delivery");  // there are events in the log that it has not looked at
    REQUIRE(module("delivery").state() == HostedModule::State::starting);
    CHECK_FALSE(late.status);
    module("delivery").database().writer().step();
    CHECK(late.status == 503);
    settle();
    CHECK(ask("delivery", "SELECT count(*) FROM delivery WHERE status = 'InTransit'") == 0);
    CHECK(answered(http::Method::patch, "/deliveries/1", moved_on) == 200);
}

TEST_CASE_FIXTURE(Stepped, "what goes on is read at once, and written when it has caught up") {
    given_an_order();
    CHECK(ask("delivery", "SELECT count(*) FROM delivery WHERE status = 'Shipped'") == 1);
    stop("delivery");
    REQUIRE(
        answered(
            http::Method::post,
            "/orders",
            R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
        ) == 201
    );
    CHECK(module("delivery").lag() > 0);
    CHECK(answered(http::Method::get, "/deliveries/1") == 503);
    go_on("delivery");
    CHECK(module("delivery").state() == HostedModule::State::starting);
    CHECK(module("delivery").catching_up());
    CHECK(system->ready());  // the process is
    CHECK(send(http::Method::get, "/deliveries/1").status == 200);
    CHECK(send(http::Method::get, "/deliveries/2").status == 404);
    CHECK(send(http::Method::patch, "/deliveries/1", moved_on).status == 503);

    stop("delivery");  // while it catches up
    CHECK(answered(http::Method::get, "/deliveries/1") == 503);
    go_on("delivery");
    settle();
    CHECK(module("delivery").state() == HostedModule::State::running);
    CHECK(module("delivery").lag() == 0);
    CHECK(answered(http::Method::get, "/deliveries/2") == 200);
    CHECK(answered(http::Method::patch, "/deliveries/1", moved_on) == 200);
}

TEST_CASE_FIXTURE(Stepped, "a stop while a batch of events is under way is told after the batch") {
    given_an_order();
    stop("delivery");
    REQUIRE(
        answered(
            http::Method::post,
            "/orders",
            R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
        ) == 201
    );
    go_on("delivery");
    REQUIRE(module("delivery").subscriptions().front()->step());  // submitted, not written
    std::int64_t at_stop = -1;
    module("delivery").stop([&] { at_stop = ask("delivery", "SELECT count(*) FROM delivery"); });
    settle();
    CHECK(at_stop == 2);
    CHECK(ask("delivery", "SELECT count(*) FROM delivery") == 2);
}

TEST_CASE_FIXTURE(
    Stepped, "a stopped context does nothing, however long, and what it missed waits"
) {
    given_an_order();
    for (const auto& stopped : system->modules()) {
        stopped->stop([] {});
    }
    settle();
    clock.advance(3'600'000);
    settle();
    for (const auto& stopped : system->modules()) {
        CAPTURE(stopped->name());
        CHECK_FALSE(stopped->step());
        CHECK_FALSE(stopped->due_in());
    }
    for (const auto& stopped : system->modules()) {
        stopped->resume([] {});
    }
    settle();
    CHECK(answered(http::Method::get, "/orders/1") == 200);
}

TEST_CASE_FIXTURE(
    Stepped, "a context that rests from the start can go on; readiness counts no stop"
) {
    given_an_order();
    open({"delivery", "customer"});
    CHECK(module("delivery").state() == HostedModule::State::stopped);
    settle();
    CHECK(system->ready());
    go_on("delivery");
    settle();
    CHECK(answered(http::Method::patch, "/deliveries/1", moved_on) == 200);
    CHECK(answered(http::Method::get, "/customers/1") == 503);
}

TEST_CASE_FIXTURE(
    Stepped, "a status of a newer delivery context is taken over and shown as it came"
) {
    given_an_order();
    const auto published = [this](const std::string& status) {
        HostedModule& delivery = module("delivery");
        delivery.database().writer().submit(
            {.durable = true,
             .run =
                 [&delivery, status](storage::Connection& db) {
                     const auto event = fmt::format(
                         R"({{"eventType":"DeliveryStatusChanged","timestamp":"20200910045035",)"
                         R"("id":1,"orderId":1,"deliveryStatus":"{}","me":true}})",
                         status
                     );
                     delivery.outbox().append(db, "order-1", "DeliveryStatusChanged", 0, "", event);
                     return true;
                 },
             .done = [](const storage::Outcome&) {}}
        );
        settle();
    };
    const auto status = [this](const std::string& name, const std::string& sql) {
        const storage::Reader reader = module(name).database().read();
        return reader->query_text(sql).value_or("none");
    };
    published("AtCustoms");
    CHECK(status("order", "SELECT status FROM orders WHERE id = 1") == "AtCustoms");
    CHECK(ask("order", "SELECT count(*) FROM held") == 0);
    CHECK(ask("customer", "SELECT count(*) FROM held") == 0);
    CHECK(answered(http::Method::get, "/orders/1") == 200);
    CHECK(answered(http::Method::get, "/myPages") == 200);
    CHECK(answered(http::Method::del, "/orders/1") == 409);
    published("Delivered");
    CHECK(status("order", "SELECT status FROM orders WHERE id = 1") == "Delivered");
}

TEST_CASE_FIXTURE(Stepped, "a write that waits when the process ends is answered, 503") {
    auto& late = send(http::Method::post, "/customers", R"({"customerName":"Kim"})");
    CHECK_FALSE(late.status);
    router.reset();
    system.reset();
    CHECK(late.status == 503);
}

}  // namespace bookstore::test
