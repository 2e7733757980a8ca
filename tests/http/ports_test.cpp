#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "story.hpp"
#include "support/raw_server.hpp"
#include "support/sqlite_reader.hpp"

using namespace bookstore::test;

// Customer, inventory and VAN answered by another process: a bookstore, or something that is none.

namespace {

using Flags = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

/// Breakers that open at once and try again soon.
Flags nervous(Flags more) {
    more.insert(more.end(), {"--breaker-request-volume", "4", "--breaker-sleep-window", "300"});
    return more;
}

/// Breakers that never open.
Flags calm(Flags more) {
    more.insert(more.end(), {"--breaker-request-volume", "1000000"});
    return more;
}

Answer order_of(Story& story, std::int64_t book, std::int64_t customer) {
    return story.post(
        "/orders",
        fmt::format(
            R"({{"bookId":{},"customerId":{},"quantity":1,"deliveryAddress":"busan"}})",
            book,
            customer
        )
    );
}

std::string breaker_of(Story& story, const std::string& context, const std::string& port) {
    return story.of(
        "/actuator/health",
        fmt::format("components.{}.details.circuitBreakers.{}.state", context, port)
    );
}

/// Answers nothing.
void hang(RawConnection& connection, int) {
    while (!connection.request().empty()) {
    }
}

/// A server that answers each request with that text, until it is told another.
class Teller {
  public:
    explicit Teller(std::string text) : text_(std::move(text)) {}

    void tell(std::string text) {
        const std::scoped_lock lock(mutex_);
        text_ = std::move(text);
    }
    std::vector<std::string> requests() {
        const std::scoped_lock lock(mutex_);
        return requests_;
    }
    std::string url() const { return server_.url(); }

    static std::string answer(const std::string& status, const std::string& body = {}) {
        return fmt::format(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body
        );
    }

  private:
    void serve(RawConnection& connection) {
        for (;;) {
            const std::string request = connection.request();
            if (request.empty()) {
                return;
            }
            std::string text;
            {
                const std::scoped_lock lock(mutex_);
                requests_.push_back(request);
                text = text_;
            }
            connection.send(text);
        }
    }

    std::mutex mutex_;
    std::string text_;
    std::vector<std::string> requests_;
    RawServer server_{[this](RawConnection& connection, int) { serve(connection); }};
};

/// What whoever has customers says about customer 1.
const std::string customer_1 =
    R"({"customerName":"kim","_links":{"self":{"href":"http://there/customers/1"}}})";
const std::string no_customer_1 =
    R"({"timestamp":"2020-09-10T05:07:44.652+0000","status":404,"error":"Not Found",)"
    R"("message":"there is no customer 1","path":"/customers/1"})";

/// A VAN that answers every charge and cancel, but hangs over amount 0 and never answers that.
void charge_or_hang(RawConnection& connection, int) {
    for (std::string request; !(request = connection.request()).empty();) {
        if (request.find("payment=0") != std::string::npos) {
            hang(connection, 0);
            return;
        }
        const bool cancel = request.starts_with("POST /cancelPayment");
        connection.answer(200, cancel ? "PAYMENT_CANCELED" : "PAYMENT_COMPLETED");
    }
}

}  // namespace

TEST_CASE("customer and inventory are asked in another process, the rest stays in this one") {
    Story other;
    for (int i = 0; i < 3; ++i) {
        other.given_customer();
        other.given_book(5);
    }
    Story story(
        {"--customer-url", other.process().url(), "--inventory-url", other.process().url() + "/"}
    );
    for (int i = 0; i < 2; ++i) {
        story.given_customer();
        story.given_book(5);
    }
    CHECK(order_of(story, 1, 1).field("orderStatus") == "ORDERED");
    CHECK(story.order_becomes(1, "Shipped"));
    CHECK(story.payment_becomes(1, "PAYMENT_COMPLETED"));
    CHECK(story.of("/books/1", "stock") == "4");
    CHECK(other.of("/books/1", "stock") == "5");

    // Only the other one counts: customer 3 is there alone, 2 is deleted there and not here.
    CHECK(order_of(story, 1, 3).field("orderStatus") == "ORDERED");
    CHECK(other.del("/customers/2").status == 204);
    CHECK(other.del("/books/2").status == 204);
    const auto refused = order_of(story, 2, 2);
    CHECK(refused.status == 400);
    CHECK(refused.field("errors").find("customerId") != std::string::npos);
    CHECK(refused.field("errors").find("bookId") != std::string::npos);
    CHECK(story.order_becomes(2, "Shipped"));  // so its event is in the log, too
    CHECK(story.count("Ordered") == 2);
    CHECK(breaker_of(story, "order", "customer") == "closed");
    CHECK(breaker_of(story, "order", "inventory") == "closed");
}

TEST_CASE("the other process is killed: orders are unverified, and verified when it is back") {
    Story other;
    other.given_customer();
    other.given_book(5);
    const std::string at = other.process().url().substr(7);
    Story story(nervous({"--customer-url", other.process().url()}));
    story.given_customer();
    story.given_book(5);
    CHECK(order_of(story, 1, 1).field("orderStatus") == "ORDERED");
    other.process().kill();
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    CHECK(story.count({}, "order-2") == 0);
    CHECK(story.post("/orders/2/verification").status == 503);
    other.start({"--listen", at, "--stopped", "customer"});
    CHECK(story.post("/orders/2/verification").status == 503);
    other.restart({"--listen", at});
    CHECK(story.order_becomes(2, "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("when a peer answers again, all who wait for it are asked for at once") {
    Teller customers(Teller::answer("503 Service Unavailable"));
    Story story(calm({"--customer-url", customers.url()}));
    story.given_book(5);
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    story.stop();
    // More than one transaction wakes, and each tried so often that its next try is half a minute
    // away.
    constexpr int waiting = 1'500;
    const std::string file = story.data_dir() + "/order.db";
    {
        Sqlite db(file, Sqlite::Mode::write);
        db.run(fmt::format(
            "INSERT INTO orders(book_id, customer_id, quantity, delivery_address, status, "
            "was_ordered, trace, nth_of_customer) "
            "WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
            "SELECT 1, 1, 1, 'busan', 'Customer_Not_Verified', 0, '', i FROM n",
            waiting
        ));
        db.run("UPDATE orders SET attempts = 9, next_try = 1");
    }
    story.start(calm({"--customer-url", customers.url()}));
    const auto far = [&] {
        return Sqlite(file).number(
            "SELECT count(*) FROM orders WHERE next_try > (unixepoch() + 25) * 1000"
        );
    };
    REQUIRE(eventually([&] { return far() == waiting; }));

    customers.tell(Teller::answer("200 OK", customer_1));
    CHECK(order_of(story, 1, 1).field("orderStatus") == "ORDERED");
    CHECK(story.published("Ordered", waiting + 1));
}

TEST_CASE("a peer that hangs costs an order the timeout, and with the breaker open nothing") {
    RawServer hanging(hang);
    Story story(
        {"--customer-url",
         hanging.url(),
         "--ask-timeout",
         "200",
         "--breaker-request-volume",
         "4",
         "--breaker-sleep-window",
         "60000"}
    );
    story.given_customer();
    story.given_book(50);
    const auto begin = Clock::now();
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    CHECK(Clock::now() - begin >= std::chrono::milliseconds(190));
    CHECK(eventually([&] {
        order_of(story, 1, 1);
        return breaker_of(story, "order", "customer") == "open";
    }));
    const int connections = hanging.connections();
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    CHECK(hanging.connections() == connections);
    // An open breaker is no illness.
    const auto health = story.get("/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.field("status") == "UP");
    CHECK(health.field("components.order.status") == "UP");
    const std::string breaker = "components.order.details.circuitBreakers.customer.";
    CHECK(health.field(breaker + "opened") == "1");
    CHECK(health.field(breaker + "calls.succeeded") == "0");
    CHECK(std::stoi(health.field(breaker + "calls.failed")) >= 4);
    CHECK(std::stoi(health.field(breaker + "calls.refused")) >= 1);
    CHECK(health.field(breaker + "lastTransition.from") == "closed");
    CHECK(health.field(breaker + "lastTransition.to") == "open");
    CHECK(health.field(breaker + "lastTransition.reason").find("failed") != std::string::npos);
    CHECK(story.process().log().find("port customer: its breaker is open") != std::string::npos);
    CHECK(story.get("/customers/1").status == 200);  // the context itself is well
}

TEST_CASE("a trial that hangs opens the breaker again, and one that is answered closes it") {
    Teller customers("");
    Story story(nervous({"--customer-url", customers.url(), "--ask-timeout", "150"}));
    story.given_customer();
    story.given_book(5'000);
    const auto shown = [&](const std::string& field) {
        return story.of("/actuator/health/order", "details.circuitBreakers.customer." + field);
    };
    CHECK(eventually([&] {
        order_of(story, 1, 1);
        return std::stoi(shown("opened")) >= 3;
    }));
    customers.tell(Teller::answer("200 OK", customer_1));
    CHECK(eventually([&] { return order_of(story, 1, 1).field("orderStatus") == "ORDERED"; }));
    CHECK(shown("state") == "closed");
    CHECK(shown("lastTransition.from") == "half-open");
}

TEST_CASE("a bounded number of calls is under way, and who finds the port full is not kept waiting"
) {
    RawServer hanging(hang);
    Story story(calm({"--customer-url", hanging.url(), "--ask-timeout", "3000", "--port-calls", "2"}
    ));
    story.given_customer();
    story.given_book(50);
    std::vector<std::jthread> orders;
    std::atomic<int> stored{0};
    std::atomic<int> early{0};
    for (int i = 0; i < 12; ++i) {
        orders.emplace_back([&] {
            const auto begin = Clock::now();
            const auto answer = order_of(story, 1, 1);
            if (answer.status == 201) {
                ++stored;
            }
            if (Clock::now() - begin < std::chrono::milliseconds(2'900)) {
                ++early;
            }
        });
    }
    orders.clear();
    CHECK(stored == 12);
    CHECK(early >= 1);
    CHECK(hanging.connections() <= 12 - early + 2);
    CHECK(early <= 10);
}

TEST_CASE("a peer that refuses, redirects or talks garbage is unavailable, and heals") {
    Teller customers(Teller::answer("200 OK", customer_1));
    Story story(
        nervous({"--customer-url", customers.url(), "--ask-timeout", "2000", "--port-calls", "8"})
    );
    story.given_customer();
    story.given_book(50);
    CHECK(order_of(story, 1, 1).field("orderStatus") == "ORDERED");
    customers.tell(Teller::answer("404 Not Found", no_customer_1));
    CHECK(order_of(story, 1, 1).status == 400);
    for (const std::string& text :
         {Teller::answer("500 Internal Server Error"),
          Teller::answer("503 Service Unavailable"),
          Teller::answer("401 Unauthorized"),
          Teller::answer("204 No Content"),
          std::string("HTTP/1.1 302 Found\r\nLocation: /customers/1\r\nContent-Length: 0\r\n\r\n"),
          std::string("220 mail.example ESMTP\r\n"),
          Teller::answer("200 OK", std::string(1 << 20, 'x'))}) {
        CAPTURE(text.substr(0, 60));
        customers.tell(text);
        CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    }
    // An interim answer before the final one, and chunks.
    customers.tell(fmt::format(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "{:x}\r\n{}\r\n0\r\n\r\n",
        customer_1.size(),
        customer_1
    ));
    for (int order = 2; order <= 8; ++order) {
        CHECK(story.order_becomes(order, "Shipped"));
    }
    CHECK(breaker_of(story, "order", "customer") == "closed");
    CHECK(story.ends_with() == "");
}

TEST_CASE("only an answer that proves to be the resource's own is believed, whatever its status") {
    Teller customers(Teller::answer("200 OK", customer_1));
    Story story(calm({"--customer-url", customers.url()}));
    story.given_customer();
    story.given_book(50);
    Story apart({"--modules", "inventory", "--kafka", "none"});  // hosts no customers
    const std::string nothing_there = apart.get("/customers/1").body;
    REQUIRE(apart.get("/customers/1").status == 404);
    std::string other = no_customer_1;
    other.replace(other.find("customer 1"), 10, "customer 2");
    int waiting = 0;
    for (const std::string& text :
         {Teller::answer("404 Not Found"),
          Teller::answer("404 Not Found", "<html><h1>404 Not Found</h1>nginx</html>"),
          Teller::answer("404 Not Found", "default backend - 404"),
          Teller::answer("404 Not Found", "{}"),
          Teller::answer("404 Not Found", nothing_there),
          Teller::answer("404 Not Found", other),
          Teller::answer("200 OK"),
          Teller::answer("200 OK", "{}"),
          Teller::answer("200 OK", "<html>Welcome</html>"),
          Teller::answer("200 OK", no_customer_1),
          Teller::answer("200 OK", R"({"_links":{"self":{"href":"http://there/customers/11"}}})")
         }) {
        CAPTURE(text);
        customers.tell(text);
        CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
        ++waiting;
        CHECK(story.post("/orders/1/verification").status == 503);
    }
    // None of them was given up.
    customers.tell(Teller::answer("200 OK", customer_1));
    for (int order = 1; order <= waiting; ++order) {
        CHECK(story.order_becomes(order, "Shipped"));
    }
}

TEST_CASE("a waiting order that is refused is logged once and asked for again, also at a start") {
    Teller customers(Teller::answer("503 Service Unavailable"));
    const Flags flags = calm({"--customer-url", customers.url()});
    Story story(flags);
    story.given_customer();
    story.given_book(50);
    CHECK(order_of(story, 1, 1).field("orderStatus") == "Customer_Not_Verified");
    customers.tell(Teller::answer("404 Not Found", no_customer_1));
    const std::string file = story.data_dir() + "/order.db";
    const auto refused = [&] {
        return Sqlite(file).number(
            "SELECT count(*) FROM orders WHERE refused AND next_try > (unixepoch() + 3500) * 1000"
        );
    };
    REQUIRE(eventually([&] { return refused() == 1; }));
    CHECK(story.process().log().find("order 1 stays unverified") != std::string::npos);
    CHECK(
        story.get("/trace/orders/1").field("waiting").find("there is no such customer or book") !=
        std::string::npos
    );
    story.restart(flags);
    const auto attempts = [&] {
        return Sqlite(file).number("SELECT attempts FROM orders WHERE refused");
    };
    const auto before = attempts();
    story.restart(flags);
    CHECK(eventually([&] { return attempts() > before; }));
    CHECK(story.process().log().find("order 1 stays unverified") == std::string::npos);
    customers.tell(Teller::answer("200 OK", customer_1));
    story.restart(flags);
    CHECK(story.order_becomes(1, "Shipped"));
}

TEST_CASE("charges over which VAN apart hangs take no room of those that it answers") {
    RawServer van(charge_or_hang);
    Story story(
        {"--modules",
         "customer,inventory,order,delivery,payment,payment_history",
         "--van-url",
         van.url(),
         "--port-calls",
         "8"}
    );
    story.given_customer();
    story.given_book(1'000);
    for (int i = 0; i < 16; ++i) {
        story.place_order(1, 1, 1, "0");
    }
    const auto begin = Clock::now();
    for (int i = 0; i < 2; ++i) {
        CHECK(story.payment_becomes(story.place_order(1, 1, 1, "5"), "PAYMENT_COMPLETED"));
    }
    CHECK(Clock::now() - begin < std::chrono::seconds(12));  // one that hangs is given 15 s
    CHECK(breaker_of(story, "payment", "van") == "closed");
    CHECK(van.connections() < 100);
}

TEST_CASE("a refund at VAN apart waits for no charge, and a 503 with Retry-After is no failure") {
    Teller van(Teller::answer("200 OK", "PAYMENT_COMPLETED"));
    Story story(nervous(
        {"--modules",
         "customer,inventory,order,delivery,payment,payment_history",
         "--van-url",
         van.url()}
    ));
    story.given_customer();
    story.given_book(0);
    story.given_book(50);
    const auto refunded = story.place_order(1, 1, 1, "5");
    CHECK(story.payment_becomes(refunded, "PAYMENT_COMPLETED"));
    van.tell("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n");
    const auto before = van.requests().size();
    for (int i = 0; i < 10; ++i) {
        story.place_order(2, 1, 1, "7");
    }
    REQUIRE(eventually([&] { return van.requests().size() >= before + 10; }));
    CHECK(breaker_of(story, "payment", "van") == "closed");
    CHECK(
        story.of(
            "/actuator/health", "components.payment.details.circuitBreakers.van.calls.failed"
        ) == "0"
    );
    van.tell(Teller::answer("200 OK", "PAYMENT_CANCELED"));
    const auto begin = Clock::now();
    story.cancel(refunded);
    CHECK(story.payment_becomes(refunded, "PAYMENT_CANCELED"));
    CHECK(Clock::now() - begin < std::chrono::seconds(2));
    // Nobody came before the time that it gave: ten charges and the refund.
    CHECK(van.requests().size() == before + 11);
}

TEST_CASE("a refund at VAN apart waits for no breaker") {
    Teller van(Teller::answer("200 OK", "PAYMENT_COMPLETED"));
    Story story(
        {"--modules",
         "customer,inventory,order,delivery,payment,payment_history",
         "--van-url",
         van.url(),
         "--breaker-request-volume",
         "4",
         "--breaker-sleep-window",
         "60000"}
    );
    story.given_customer();
    story.given_book(0);
    const auto refunded = story.place_order(1, 1, 1, "5");
    CHECK(story.payment_becomes(refunded, "PAYMENT_COMPLETED"));
    van.tell(Teller::answer("500 Internal Server Error"));
    story.place_order(1, 1, 1, "7");
    REQUIRE(eventually([&] { return breaker_of(story, "payment", "van") == "open"; }));
    story.cancel(refunded);
    // Not even for one that its own failures would open.
    CHECK(eventually([&] {
        const auto all = van.requests();
        return std::ranges::count_if(all, [](const std::string& request) {
                   return request.starts_with("POST /cancelPayment");
               }) >= 6;
    }));
    van.tell(Teller::answer("200 OK", "PAYMENT_CANCELED"));
    CHECK(story.payment_becomes(refunded, "PAYMENT_CANCELED"));
    CHECK(breaker_of(story, "payment", "van") == "open");
}

TEST_CASE("VAN's word is final and nothing else is: the payment is asked for again by its key") {
    Teller van("");
    Story story(calm(
        {"--modules",
         "customer,inventory,order,delivery,payment,payment_history",
         "--van-url",
         van.url(),
         "--breaker-timeout",
         "100",
         "--payment-timeout",
         "400"}
    ));
    story.given_customer();
    story.given_book(50);
    std::set<std::string> keys;
    for (const std::string& text :
         {std::string(),  // it hangs
          Teller::answer("500 Internal Server Error", "PAYMENT_FAILED"),
          Teller::answer("503 Service Unavailable"),
          Teller::answer("422 Unprocessable Content"),
          Teller::answer("404 Not Found"),
          Teller::answer("200 OK", "PAYMENT_CANCELED"),
          Teller::answer("200 OK", "PAYMENT_COMPLETED\n"),
          Teller::answer("200 OK"),
          std::string("HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")}) {
        CAPTURE(text);
        const auto before = van.requests().size();
        van.tell(text);
        const auto order = story.place_order(1, 1, 1, "12.5");
        // Asked again: what came first was no answer.
        REQUIRE(eventually([&] { return van.requests().size() >= before + 2; }));
        const std::string payment = fmt::format("/payments/{}", order);
        CHECK(story.of(payment, "status") == "PAYMENT_REQUESTED");
        van.tell(Teller::answer("200 OK", "PAYMENT_COMPLETED"));
        CHECK(story.becomes(payment, "status", "PAYMENT_COMPLETED"));
        const auto all = van.requests();
        const auto first = all.at(before);
        CHECK(first.starts_with("POST /requestPayment?payment=12.5 HTTP/1.1\r\n"));
        CHECK(first.find("\r\nIdempotency-Key: ") != std::string::npos);
        CHECK(first.find("\r\ntraceparent: 00-") != std::string::npos);
        for (auto i = before; i < all.size(); ++i) {
            CHECK(all[i] == first);
        }
        CHECK(keys.insert(first).second);  // no other payment's
    }
    CHECK(story.published("Payed", keys.size()));
    CHECK(story.order_becomes(1, "Shipped"));
}

TEST_CASE("a URL that is no place of a process is refused at the start") {
    const TemporaryDirectory directory;
    for (const std::string flag : {"--customer-url", "--inventory-url", "--van-url"}) {
        for (const std::string url :
             {"https://",
              "http://",
              "http://:8081",
              "http://kim:secret@van",
              "http://van/api",
              "http://van?x=1",
              "http://van:0",
              "http://van:99999",
              "van:8081",
              "ftp://van"}) {
            CAPTURE(url);
            const auto done =
                run_bookstore({"serve", "--data-dir", directory.path() + "/data", flag, url});
            CHECK(done.status == 1);
            CHECK(done.out.empty());
            CHECK(done.error.starts_with("bookstore: " + flag + ": \"" + url + "\" "));
            CHECK(done.error.find("http://HOST[:PORT]") != std::string::npos);
            CHECK(done.error.find('\n') == done.error.size() - 1);
        }
    }
}
