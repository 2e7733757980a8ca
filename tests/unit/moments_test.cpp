#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "storage/error.hpp"
#include "support/stepped_system.hpp"

// A data directory that must not be opened as it is: files of different moments, a damaged page.

namespace bookstore::test {
namespace {

void close(SteppedSystem& shop) {
    shop.router.reset();
    shop.system.reset();
}

void kill(SteppedSystem& shop) {
    shop.vfs.crash(Crash::process);
    close(shop);
    shop.vfs.restart();
}

/// Empty: it went through.
std::string refusal_of_start(SteppedSystem& shop) {
    try {
        shop.open({});
        return "";
    } catch (const storage::Refused& refused) {
        return refused.what();
    }
}

}  // namespace

TEST_CASE("a file of before a cut of the log is refused beside the WAL of after another one") {
    SteppedSystem shop;
    const auto cut = [&shop] {
        shop.module("customer").log_may_be_cut(1, [](std::int64_t) {});
        shop.settle();
    };
    const auto register_customer = [&shop] {
        REQUIRE(
            shop.answered(http::Method::post, "/customers", R"({"customerName":"Kim"})") == 201
        );
    };
    register_customer();
    cut();
    shop.module("customer").idle();  // its WAL is moved into the file
    const auto old = shop.vfs.image();
    register_customer();
    shop.module("customer").idle();
    register_customer();
    cut();
    kill(shop);
    shop.vfs.put_back(old, "/data/customer.db");
    const std::string refusal = refusal_of_start(shop);
    CHECK_MESSAGE(refusal.find("does not belong") != std::string::npos, refusal);
}

TEST_CASE("a ledger of VAN's that is older than the payments is refused") {
    SteppedSystem shop;
    shop.given_customer_and_book();
    const auto order = [&shop] {
        const std::string body =
            R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"a","payAmount":5})";
        REQUIRE(shop.answered(http::Method::post, "/orders", body) == 201);
        shop.settle();
    };
    order();
    const auto charged = shop.vfs.image();
    order();
    REQUIRE(
        shop.ask("payment", "SELECT count(*) FROM payment WHERE status = 'PAYMENT_COMPLETED'") == 2
    );
    kill(shop);
    const auto newest = shop.vfs.image();
    const auto put_back = [&shop](const MemoryVfs::Image& image) {
        shop.vfs.put_back(image, "/data/van.db");
        shop.vfs.put_back(image, "/data/van.db-wal");
    };
    put_back(charged);
    const std::string refusal = refusal_of_start(shop);
    CHECK_MESSAGE(refusal.find("van.db is older") != std::string::npos, refusal);
    put_back(newest);
    CHECK(refusal_of_start(shop) == "");
}

TEST_CASE("a ledger of VAN's that does not know of a refund is refused") {
    SteppedSystem shop;
    shop.given_customer_and_book("0");  // it waits, so that it can be canceled
    const std::string body =
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"a","payAmount":5})";
    REQUIRE(shop.answered(http::Method::post, "/orders", body) == 201);
    const auto charged = shop.vfs.image();
    REQUIRE(shop.answered(http::Method::del, "/orders/1") == 204);
    REQUIRE(
        shop.ask("payment", "SELECT count(*) FROM payment WHERE status = 'PAYMENT_CANCELED'") == 1
    );
    kill(shop);
    shop.vfs.put_back(charged, "/data/van.db");
    shop.vfs.put_back(charged, "/data/van.db-wal");
    const std::string refusal = refusal_of_start(shop);
    CHECK_MESSAGE(refusal.find("van.db is older") != std::string::npos, refusal);
}

TEST_CASE("a start that meets a damaged page says which file it is in, whatever the page holds") {
    std::vector<std::int64_t> pages;
    {
        SteppedSystem shop;
        for (std::int64_t page = 2; page <= shop.ask("payment", "PRAGMA page_count"); ++page) {
            const auto sql =
                "SELECT count(*) FROM sqlite_schema WHERE rootpage = " + std::to_string(page);
            if (shop.ask("payment", sql) == 1) {
                pages.push_back(page);
            }
        }
    }
    REQUIRE(pages.size() > 5);
    for (const std::int64_t page : pages) {
        CAPTURE(page);
        SteppedSystem shop;
        close(shop);
        shop.vfs.damage("/data/payment.db", (page - 1) * 4096, 4096);
        const std::string refusal = refusal_of_start(shop);
        const bool met = shop.vfs.damaged_reads() > 0;
        CHECK_MESSAGE((refusal.find("payment.db is damaged") != std::string::npos) == met, refusal);
        shop.vfs.heal();
        CHECK(refusal_of_start(shop) == "");
    }
}

}  // namespace bookstore::test
