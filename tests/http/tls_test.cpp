#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "http_server/raw_client.hpp"
#include "scrape.hpp"
#include "story.hpp"
#include "support/authority.hpp"

// The real binary over TLS: its story, its ports, its tools, and certificates that change.

using namespace bookstore::test;
namespace http = bookstore::http;

namespace {

std::vector<std::string> operator+(std::vector<std::string> some, std::vector<std::string> more) {
    some.insert(some.end(), more.begin(), more.end());
    return some;
}

std::vector<std::string> tls_flags(const Authority::Pair& pair) {
    return {"--tls-cert", pair.certificate, "--tls-key", pair.key};
}

/// While it lives, this program and those that it starts believe that authority.
class Believed {
  public:
    explicit Believed(const Authority& authority) {
        ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);
    }
    ~Believed() { ::unsetenv("SSL_CERT_FILE"); }
    Believed(const Believed&) = delete;
    Believed& operator=(const Believed&) = delete;
};

std::string refusal(const std::vector<std::string>& flags) {
    const TemporaryDirectory directory;
    std::vector<std::string> words{"serve", "--data-dir", directory.path()};
    if (std::ranges::find(flags, "--listen") == flags.end()) {
        words.insert(words.end(), {"--listen", "127.0.0.1:0"});
    }
    const auto refused = run_bookstore(words + flags);
    CHECK(refused.status == 1);
    return refused.error;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("the seed's story over TLS, in one process and with its ports in another one") {
    const Authority authority;
    const Believed believed(authority);
    const auto flags = quick_van() + tls_flags(authority.issue("server"));
    Story other(flags);
    const std::string there = other.url();
    REQUIRE(there.starts_with("https://127.0.0.1:"));
    for (const bool split : {false, true}) {
        CAPTURE(split);
        std::vector<std::string> ports;
        if (split) {
            ports = {"--customer-url", there, "--inventory-url", there, "--van-url", there};
        }
        Story story(flags + ports);
        Story& asked = split ? other : story;
        const auto customer = asked.given_customer();
        const auto book = asked.given_book(150);
        story.given_customer();
        story.given_book(150);
        const auto order = story.place_order(book, customer, 100);
        CHECK(story.order_becomes(order, "Shipped"));
        CHECK(story.payment_becomes(order, "PAYMENT_COMPLETED"));
        CHECK(story.of("/orders/1", "_links.self.href") == story.url() + "/orders/1");
        CHECK(story.published("DeliveryStatusChanged", 1));
        story.cancel(story.place_order(book, customer, 100));  // there are 50
        CHECK(story.payment_becomes(2, "PAYMENT_CANCELED"));
        if (!split) {
            CHECK(story.ends_with() == "");
        }
    }
    const Scrape scrape(other.get("/metrics").body);
    CHECK(scrape.value("bookstore_tls_handshakes_total", {{"result", "full"}}) > 0);
    CHECK(scrape.value("bookstore_tls_handshakes_total", {{"result", "plain"}}) == 0);
}

TEST_CASE("a port whose server is not to be trusted is unavailable, and the log says why") {
    const Authority authority;
    const Authority unknown("Another Authority");
    const Believed believed(authority);
    Story other(tls_flags(authority.issue("server")));
    Story story(
        {"--customer-url",
         other.process().url(),
         "--ca-file",
         unknown.file(),
         "--log-level",
         "debug"}
    );
    story.given_book(5);
    const auto order = story.post(
        "/orders", R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
    );
    CHECK(order.status == 201);
    CHECK(order.field("orderStatus") == "Customer_Not_Verified");
    CHECK(has(story.log(), "its certificate is not trusted by " + unknown.file()));
}

TEST_CASE("peers ask each other over TLS, with certificates of their own") {
    const Authority authority;
    const auto server = authority.issue("server");
    const auto client = authority.issue("peer", {.names = {"peer"}});
    const std::vector<std::string> doors{
        "--operator-listen", "127.0.0.1:0", "--tls-client-ca", authority.file()
    };
    const TemporaryDirectory of_van;
    const TemporaryDirectory of_shop;
    BookstoreProcess van(
        of_van.path(), std::vector<std::string>{"--modules", "van"} + tls_flags(server) + doors
    );
    const std::vector<std::string> shown{
        "--modules",
        "customer,inventory,order",
        "--kafka",
        "none",
        "--peers",
        van.operators_url(),
        "--ca-file",
        authority.file()
    };
    const std::vector<std::string> proof{
        "--client-cert", client.certificate, "--client-key", client.key
    };
    for (const bool proven : {true, false}) {
        BookstoreProcess shop(of_shop.path(), proven ? shown + proof : shown);
        http::Url url = http::parse_url(shop.url());
        url.target = "/modules/van";
        const auto state_is = [&](std::string_view state) {
            return eventually([&] {
                return has(
                    http::fetch(http::Method::get, url).body, fmt::format("\"state\":\"{}\"", state)
                );
            });
        };
        if (proven) {
            CHECK(state_is("RUNNING"));
        } else {
            CHECK(eventually([&] {
                http::fetch(http::Method::get, url);
                return has(shop.log(), "it wants a client's certificate (--client-cert)");
            }));
        }
    }
}

TEST_CASE("the tools speak https, verify, and prove who they are") {
    const Authority authority;
    const Authority unknown("Another Authority");
    const Believed believed(authority);
    const auto server = authority.issue("server");
    const auto client = authority.issue("operator", {.names = {"operator"}});
    Story story(
        tls_flags(server) +
        std::vector<std::string>{
            "--operator-listen", "127.0.0.1:0", "--tls-client-ca", authority.file()
        }
    );
    const std::vector<std::string> at{"--url", story.process().operators_url()};
    const std::vector<std::string> trusting{"--ca-file", authority.file()};
    const std::vector<std::string> proof{
        "--client-cert", client.certificate, "--client-key", client.key
    };
    const TemporaryDirectory directory;
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"healthcheck"},
             {"modules"},
             {"parked", "list"},
             {"events", "--from-beginning"},
             {"rebuild", "my-page"},
             {"demo", "--actions", "3", "--rate", "100"}
         }) {
        CAPTURE(words[0]);
        const auto done = run_bookstore(words + at + trusting + proof);
        CAPTURE(done.error);
        CHECK(done.status == 0);
    }
    const auto error_of = [&](const std::vector<std::string>& flags) {
        const auto failed = run_bookstore(std::vector<std::string>{"modules"} + at + flags);
        CHECK(failed.status == 1);
        CHECK(std::ranges::count(failed.error, '\n') == 1);
        return failed.error;
    };
    CHECK(
        has(error_of(std::vector<std::string>{"--ca-file", unknown.file()} + proof),
            "its certificate is not trusted by " + unknown.file())
    );
    CHECK(has(error_of(trusting), "it wants a client's certificate (--client-cert)"));
    CHECK(
        has(error_of(trusting + std::vector<std::string>{"--client-cert", client.certificate}),
            "--client-cert and --client-key go together")
    );
    CHECK(
        has(error_of({"--ca-file", directory.path() + "/none"}),
            "the certificate authorities in " + directory.path() + "/none cannot be read")
    );
    // The customers' listener asks for none.
    const auto healthy = run_bookstore(
        std::vector<std::string>{"healthcheck", "--url", story.process().url()} + trusting
    );
    CHECK(healthy.status == 0);
}

TEST_CASE("flags of TLS that do not fit are refused at the start") {
    const Authority authority;
    const auto pair = authority.issue("server");
    const auto other = authority.issue("other");
    CHECK(has(refusal({"--tls-cert", pair.certificate}), "--tls-cert and --tls-key go together"));
    CHECK(
        has(refusal({"--tls-cert", pair.certificate, "--tls-key", other.key}),
            "is not that of the certificate")
    );
    const std::vector<std::string> client_ca{"--tls-client-ca", authority.file()};
    CHECK(has(refusal(tls_flags(pair) + client_ca), "--operator-listen HOST:PORT"));
    CHECK(
        has(refusal(client_ca + std::vector<std::string>{"--operator-listen", "127.0.0.1:0"}),
            "--tls-cert and --tls-key beside it")
    );
    CHECK(
        has(refusal(
                tls_flags(pair) + client_ca +
                std::vector<std::string>{"--operator-listen", "unix:" + authority.path("socket")}
            ),
            "--operator-listen HOST:PORT")
    );
    CHECK(
        has(refusal(
                tls_flags(pair) +
                std::vector<std::string>{"--listen", "unix:" + authority.path("socket")}
            ),
            "unix sockets alone")
    );
    CHECK(
        has(refusal({"--customer-url", "https://127.0.0.1:1", "--ca-file", authority.path("none")}),
            "cannot be read")
    );
}

TEST_CASE("a certificate is replaced while customers order: none of them notices") {
    const Authority authority;
    const Believed believed(authority);
    const auto pair = authority.issue("server", {.until_days = 90});
    Story story(quick_van() + tls_flags(pair));
    story.given_customer();
    story.given_book(1'000'000);
    std::atomic<bool> over = false;
    std::atomic<int> failed = 0;
    std::atomic<int> placed = 0;
    std::vector<std::jthread> customers;
    const std::string body =
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})";
    for (int i = 0; i < 3; ++i) {
        customers.emplace_back([&] {
            RawClient kept(story.port(), 0, tls_client_context());
            while (!over) {
                try {
                    (story.post("/orders", body).status == 201 ? placed : failed) += 1;
                    kept.send("GET /books/1 HTTP/1.1\r\nHost: a\r\n\r\n");
                    failed += kept.reply().status != 200;
                } catch (const std::exception&) {
                    ++failed;
                }
            }
        });
    }
    const auto expiry = [&] {
        return Scrape(story.get("/metrics").body)
            .value("bookstore_tls_certificate_expiry_timestamp_seconds");
    };
    const double first = expiry();
    CHECK(std::abs(first - static_cast<double>(std::time(nullptr)) - 90 * 86'400) < 600);
    for (const int days : {80, 70, 60}) {
        authority.issue("server", {.until_days = days});
        CHECK(eventually([&] { return std::abs(first - expiry() - (90 - days) * 86'400) < 600; }));
    }
    over = true;
    customers.clear();
    CHECK(failed == 0);
    CHECK(placed > 30);

    // One that is broken is not taken, and said; the old one goes on.
    std::filesystem::remove(pair.key);
    CHECK(eventually([&] { return has(story.log(), "what was served goes on to be: the key"); }));
    CHECK(has(story.get("/actuator/health").field("components.tls.details.reason"), "the key"));
    CHECK(story.get("/actuator/health").field("components.tls.status") == "UP");
    const Scrape broken(story.get("/metrics").body);
    CHECK(broken.value("bookstore_tls_certificate_current") == 0);
    CHECK(broken.value("bookstore_tls_certificate_loads_total", {{"result", "failed"}}) >= 1);
    // And one that will not do for long is warned of.
    authority.issue("server", {.until_days = 10});
    CHECK(eventually([&] { return has(story.log(), "9 days are left"); }));
    CHECK(story.get("/actuator/health").field("components.tls.details") == "missing");
    authority.issue("server", {.from_days = -9, .until_days = -1});
    CHECK(eventually([&] { return has(story.log(), "no client that looks at it goes on"); }));
}
