#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "base/words.hpp"
#include "support/stepped_system.hpp"

// Liveness: whatever share of the charges has amount 0, over which the network hangs, one that the
// network would answer is answered within 30 s of its order.

namespace bookstore::test {
namespace {

constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t promised_ms = 30'000;

/// A shop whose orders are watched until they are paid.
class Shop : public SteppedSystem {
  public:
    explicit Shop(const app::ContextOptions& contexts = {}) : SteppedSystem(contexts) {
        given_customer_and_book("1000000");
    }

    void order(const std::string& amount, std::int64_t book = 1) {
        REQUIRE(
            answered(
                http::Method::post,
                "/orders",
                fmt::format(
                    R"({{"bookId":{},"customerId":1,"quantity":1,"deliveryAddress":"busan","payAmount":{}}})",
                    book,
                    amount
                )
            ) == 201
        );
        ordered_at_[++orders_] = clock.steady_ms();
    }
    void tick() {
        clock.advance(tick_ms);
        settle();
        watch();
    }
    void run_for(std::int64_t ms) {
        for (std::int64_t gone = 0; gone < ms; gone += tick_ms) {
            tick();
        }
    }
    /// The longest that an order with an amount has waited for its answer.
    std::int64_t longest_ms() const { return longest_ms_; }
    std::int64_t count(const std::string& condition) {
        return ask("payment", "SELECT count(*) FROM payment WHERE " + condition);
    }
    std::string breaker() {
        for (const host::NamedBreaker& named : system->breakers()) {
            if (named.name == "keyed") {
                return std::string(word(named.snapshot.state));
            }
        }
        return "?";
    }

  private:
    void watch() {
        const auto oldest =
            ask("payment",
                "SELECT coalesce(min(order_id), 0) FROM payment "
                "WHERE status = 'PAYMENT_REQUESTED' AND amount <> 0");
        if (oldest > 0) {
            longest_ms_ = std::max(longest_ms_, clock.steady_ms() - ordered_at_.at(oldest));
        }
    }

    std::int64_t orders_ = 0;
    std::int64_t longest_ms_ = 0;
    std::map<std::int64_t, std::int64_t> ordered_at_;
};

/// 10 orders a second for 70 s, several sleep windows; so many percent of amount 0.
void play(Shop& shop, std::int64_t percent) {
    for (int i = 0; i < 700; ++i) {
        shop.order(shop.random.below(100) < percent ? "0" : "12.5");
        shop.tick();
    }
    shop.run_for(promised_ms);
}

}  // namespace

TEST_CASE("whatever share of the charges hangs, the others are answered within 30 s") {
    for (const std::int64_t percent : {10, 50, 71, 95}) {
        CAPTURE(percent);
        Shop shop;
        play(shop, percent);
        CHECK(shop.longest_ms() <= promised_ms);
        CHECK(shop.count("status = 'PAYMENT_REQUESTED' AND amount <> 0") == 0);
        // Those that hang come to their end, too, by and by.
        CHECK(shop.count("status = 'PAYMENT_FAILED' AND amount = 0") > 0);
    }
}

TEST_CASE("so it is when payment asks VAN for few at a time") {
    app::ContextOptions few;
    few.payment.van_calls = 8;
    few.van.hanging_charges = 4;
    Shop shop(few);
    play(shop, 50);
    CHECK(shop.longest_ms() <= promised_ms);
    CHECK(shop.count("status = 'PAYMENT_REQUESTED' AND amount <> 0") == 0);
}

TEST_CASE("a burst of charges that hang keeps those that follow waiting for one sleep window") {
    Shop shop;
    for (int i = 0; i < 50; ++i) {
        shop.order("0");
    }
    for (int i = 0; i < 120; ++i) {
        shop.order("5");
        shop.run_for(500);
    }
    CHECK(shop.longest_ms() <= 12'000);
    shop.run_for(60'000);
    CHECK(shop.count("status = 'PAYMENT_FAILED'") == 50);
    CHECK(shop.count("status = 'PAYMENT_COMPLETED'") == 120);
}

TEST_CASE("an order of amount 0 fails after 5 s, end to end") {
    Shop shop;
    shop.order("0");
    shop.run_for(4'900);
    CHECK(shop.count("status = 'PAYMENT_REQUESTED'") == 1);
    shop.run_for(200);
    CHECK(shop.count("status = 'PAYMENT_FAILED'") == 1);
}

TEST_CASE("what waits for the breaker is asked for as soon as VAN's probe has closed it") {
    Shop shop;
    for (int i = 0; i < 20; ++i) {
        shop.order("0");
    }
    shop.run_for(5'100);
    REQUIRE(shop.breaker() == "open");
    // More than one transaction wakes.
    for (int i = 0; i < 1'500; ++i) {
        shop.order("5");
    }
    shop.run_for(9'700);
    REQUIRE(shop.breaker() == "open");
    REQUIRE(shop.count("status = 'PAYMENT_REQUESTED' AND amount <> 0") == 1'500);
    shop.run_for(500);
    CHECK(shop.breaker() == "closed");
    CHECK(shop.count("status = 'PAYMENT_REQUESTED'") == 0);
    CHECK(shop.count("status = 'PAYMENT_COMPLETED'") == 1'500);
}

TEST_CASE("payments that wait for VAN are asked for at once when VAN goes on") {
    Shop shop;
    shop.stop("van");
    shop.order("5");
    shop.run_for(120'000);
    REQUIRE(shop.count("status = 'PAYMENT_REQUESTED'") == 1);
    const auto now = shop.clock.now_ms();
    REQUIRE(shop.ask("payment", "SELECT next_try FROM payment") > now);
    shop.go_on("van");
    shop.settle();
    CHECK(shop.clock.now_ms() == now);
    CHECK(shop.count("status = 'PAYMENT_COMPLETED'") == 1);
}

TEST_CASE("a refund waits neither for the breaker nor behind charges") {
    app::ContextOptions few;
    few.payment.van_calls = 4;
    few.van.hanging_charges = 1'000;  // all of payment's calls hang
    Shop shop(few);
    REQUIRE(shop.answered(http::Method::post, "/books", R"({"bookName":"C","stock":0})") == 201);
    shop.order("7", 2);  // it waits for stock, so that it can be canceled after it was paid
    REQUIRE(shop.count("status = 'PAYMENT_COMPLETED'") == 1);
    for (int i = 0; i < 8; ++i) {
        shop.order("0");
    }
    REQUIRE(shop.answered(http::Method::del, "/orders/1") == 204);
    CHECK(shop.count("status = 'PAYMENT_CANCELED'") == 1);
}

}  // namespace bookstore::test
