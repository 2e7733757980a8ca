#include "host/adoption.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/check_contexts.hpp"
#include "app/contexts.hpp"
#include "check/check.hpp"
#include "kernel/module.hpp"
#include "support/partition.hpp"
#include "support/temporary_directory.hpp"
#include "support/virtual_time.hpp"
#include "unit/stepped_shop.hpp"

// A context whose file was restored from an older backup is taken back into the shop.

namespace bookstore::test {
namespace {

using http::Method;

constexpr std::chrono::milliseconds no_patience{0};

struct AdoptionFixture {
    AdoptionFixture() { partition.take_at_once(); }

    host::PartitionOptions mirror() { return mirror_of(partition, "shop"); }
    std::unique_ptr<SteppedShop> open() {
        return std::make_unique<SteppedShop>(directory.path(), mirror());
    }
    std::string file(const std::string& context) const {
        return fmt::format("{}/{}.db", directory.path(), context);
    }
    /// Of a directory that nobody holds.
    void back_up(const std::string& context) {
        std::filesystem::copy_file(
            file(context),
            backup.path() + "/" + context,
            std::filesystem::copy_options::overwrite_existing
        );
    }
    void restore(const std::string& context) {
        std::filesystem::copy_file(
            backup.path() + "/" + context,
            file(context),
            std::filesystem::copy_options::overwrite_existing
        );
    }
    host::Adopted adopt(const std::string& context) {
        const TemporaryDirectory place;
        std::filesystem::create_symlink(directory.path() + "/topic.db", place.path() + "/topic.db");
        const std::string copy = fmt::format("{}/{}.db", place.path(), context);
        std::filesystem::copy_file(file(context), copy);
        host::Adopted adopted;
        {
            host::Adoption adoption(place.path(), context, app::contexts(), clock, mirror());
            adopted = adoption.run(no_patience);
        }
        std::filesystem::copy_file(
            copy, file(context), std::filesystem::copy_options::overwrite_existing
        );
        return adopted;
    }
    std::vector<std::string> violations() const {
        return check::check({.contexts = app::check_contexts(), .data_dirs = {directory.path()}}
        ).violations;
    }

    Quiet quiet;
    VirtualClock clock;
    Partition partition{clock};
    TemporaryDirectory directory;
    TemporaryDirectory backup;
};

void change(SteppedShop& shop, Method method, const std::string& target, const std::string& body) {
    const int status = shop.answered(method, target, body);
    CAPTURE(target);
    CHECK(status >= 200);
    CHECK(status < 300);
}

/// Something of everything, by everybody.
void trade(SteppedShop& shop) {
    shop.clock.advance(1'000);
    change(shop, Method::post, "/customers", R"({"customerName":"Lee"})");
    const std::string customer = fmt::format("/customers/{}", shop.newest("/customers"));
    change(shop, Method::patch, customer, R"({"customerName":"Park"})");
    change(shop, Method::post, "/books", R"({"bookName":"Rust","stock":2})");
    shop.order();
    // More than there is: it waits, for stock that comes, or for its end.
    const std::string large =
        R"({"bookId":1,"customerId":1,"quantity":50,"deliveryAddress":"x","payAmount":7})";
    change(shop, Method::post, "/orders", large);
    change(shop, Method::post, "/orders", large);
    const std::int64_t canceled = shop.newest("/orders");
    change(shop, Method::del, fmt::format("/orders/{}", canceled), {});
    change(shop, Method::post, "/stockInputs", R"({"bookId":1,"quantity":60,"inCharger":"a"})");
    change(
        shop,
        Method::patch,
        fmt::format("/deliveries/{}", canceled - 2),
        R"({"deliveryStatus":"Delivered"})"
    );
    shop.settle();
}

/// What it shows of all orders and what became of them.
std::string all_shown(SteppedShop& shop) {
    std::string all;
    for (const char* target :
         {"/orders", "/payments", "/deliveries", "/paymentHistories", "/myPages"}) {
        CHECK(shop.answered(Method::get, target, {}, {{"size", "100"}}) == 200);
        all += shop.last + '\n';
    }
    return all;
}

std::string types_of(const host::Adopted& adopted) {
    std::string types;
    for (const auto& each : adopted.lacked) {
        CHECK_MESSAGE(each.why_not == "", each.event.type << ": " << each.why_not);
        types += each.event.type + ' ';
    }
    return types;
}

}  // namespace

TEST_CASE_FIXTURE(AdoptionFixture, "whichever context was restored, the shop goes on as it was") {
    const std::vector<std::pair<std::string, std::string>> lost{
        {"customer", "Registered Changed "},
        {"inventory", "BookRegistered DeliveryPrepared InventoryIncreased DeliveryPrepared "},
        {"order", "Ordered Ordered Ordered OrderCanceled "},
        {"payment", "Payed Payed Payed PaymentCanceled "},
        {"delivery",
         "DeliveryStatusChanged DeliveryStatusChanged DeliveryStatusChanged "
         "DeliveryStatusChanged "}
    };
    {
        const auto shop = open();
        shop->given_customer_and_book();
        shop->order();
    }
    for (const auto& [context, types] : lost) {
        CAPTURE(context);
        back_up(context);
        std::string before;
        {
            const auto shop = open();
            trade(*shop);
            before = all_shown(*shop);
        }
        REQUIRE(violations() == std::vector<std::string>{});
        restore(context);
        CHECK(open()->system->closed_gate().contains("contradict each other"));

        const std::size_t records = partition.size();
        const host::Adopted adopted = adopt(context);
        CHECK(types_of(adopted) == types);
        CHECK(adopted.unsent.empty());
        CHECK(adopted.held == 0);
        CHECK(partition.size() == records);

        {
            const auto shop = open();
            CHECK(shop->system->closed_gate() == "");
            CHECK(partition.size() == records);  // nothing is said twice
            const bool shows_the_same = all_shown(*shop) == before;
            CHECK(shows_the_same);
            // Under what name no event tells.
            CHECK(shop->answered(Method::get, "/customers/2") == 200);
            CHECK(shop->last.contains(R"("customerName":"customer-2")"));
            shop->order();
            CHECK(shop->system->closed_gate() == "");
        }
        CHECK(violations() == std::vector<std::string>{});
    }
}

TEST_CASE_FIXTURE(AdoptionFixture, "what an order was charged for is charged and refunded once") {
    {
        const auto shop = open();
        shop->given_customer_and_book();
    }
    back_up("payment");
    {
        const auto shop = open();
        shop->answered(Method::patch, "/books/1", R"({"stock":0})");
        shop->order();  // it waits for stock: it can be canceled
    }
    restore("payment");
    CHECK(types_of(adopt("payment")) == "Payed ");
    const auto shop = open();
    CHECK(shop->answered(Method::del, "/orders/1") / 100 == 2);
    CHECK(shop->answered(Method::get, "/payments/1") == 200);
    CHECK(shop->last.contains("PAYMENT_CANCELED"));
    storage::Connection van(file("van"), storage::Connection::Mode::read_only);
    CHECK(van.query_integer("SELECT count(*) FROM ledger") == 1);
}

TEST_CASE_FIXTURE(AdoptionFixture, "what the topic does not have yet is sent behind what it has") {
    {
        const auto shop = open();
        shop->given_customer_and_book();
    }
    back_up("order");
    {
        const auto shop = open();
        shop->order();
        shop->order();
    }
    // Meanwhile a second copy of it went on, and what it published reached nobody.
    restore("order");
    {
        storage::Connection copy(file("order"), storage::Connection::Mode::read_write);
        copy.execute(
            "INSERT INTO outbox(key, type, time, trace, payload) SELECT 'order-9', "
            "'OrderCanceled', "
            "7, '', '{\"eventType\":\"OrderCanceled\",\"timestamp\":\"20261130000000\","
            "\"orderId\":9,\"status\":\"CANCELED\",\"me\":true}'"
        );
    }
    const host::Adopted adopted = adopt("order");
    CHECK(types_of(adopted) == "Ordered Ordered ");
    REQUIRE(adopted.unsent.size() == 1);
    CHECK(adopted.unsent[0].key == "order-9");
    const std::size_t records = partition.size();
    const auto shop = open();
    CHECK(shop->system->closed_gate() == "");
    REQUIRE(partition.size() == records + 1);
    CHECK(partition.at(records).record->event.source_position == 3);
    CHECK(partition.at(records).record->event.key == "order-9");
}

TEST_CASE_FIXTURE(AdoptionFixture, "an event that no handler takes back is named") {
    {
        const auto shop = open();
        shop->given_customer_and_book();
        shop->order();
    }
    back_up("delivery");
    {
        const auto shop = open();
        change(*shop, Method::patch, "/deliveries/1", R"({"deliveryStatus":"InTransit"})");
    }
    restore("delivery");
    {
        storage::Connection older(file("delivery"), storage::Connection::Mode::read_write);
        older.execute("DELETE FROM delivery");
    }
    const host::Adopted adopted = adopt("delivery");
    REQUIRE(adopted.lacked.size() == 1);
    CHECK(adopted.lacked[0].why_not == "there is no delivery of order 1");
    CHECK(open()->system->closed_gate() == "");
}

TEST_CASE_FIXTURE(AdoptionFixture, "what need not, or must not, be adopted is refused") {
    {
        const auto shop = open();
        shop->given_customer_and_book();
        shop->order();
    }
    CHECK_THROWS_WITH_AS(
        adopt("order"), doctest::Contains("there is nothing to adopt"), storage::Refused
    );
    partition.away(true);
    CHECK_THROWS_WITH_AS(
        adopt("order"), doctest::Contains("no Kafka broker answers"), storage::Refused
    );
    partition.away(false);
    partition.keep(2);
    CHECK_THROWS_AS(adopt("order"), storage::Refused);
    const TemporaryDirectory own;
    {
        SteppedShop shop(own.path());
        shop.given_customer_and_book();
    }
    host::Adoption alone(own.path(), "order", app::contexts(), clock, {});
    CHECK_THROWS_WITH_AS(
        alone.run(no_patience), doctest::Contains("a log of its own"), storage::Refused
    );
}

TEST_CASE("every context says how each of its events is taken back") {
    const VirtualClock clock;
    SeededRandom random(1);
    for (const kernel::Context& context : app::contexts()) {
        kernel::Module module(context.name, clock, random);
        kernel::Wiring wiring;
        context.install(module, wiring);
        for (const kernel::PublishedEvent& event : module.declarations().published) {
            CAPTURE(event.type);
            CHECK(module.declarations().taken_back.find(event.type) != nullptr);
        }
    }
}

}  // namespace bookstore::test
