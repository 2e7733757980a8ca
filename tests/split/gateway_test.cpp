#include "support/gateway.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "processes.hpp"
#include "support/freeze.hpp"
#include "support/raw_server.hpp"

// The single point of contact: nginx with the configuration that is shipped.

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

const std::vector<std::string> trusting{"--trusted-proxy", "127.0.0.1"};

/// How many links the answer has; 0 when one of them leads elsewhere than below that URL.
std::size_t links_below(const Answer& answer, const std::string& url) {
    constexpr std::string_view href = "\"href\":\"";
    std::size_t links = 0;
    for (auto at = answer.body.find(href); at != answer.body.npos;
         at = answer.body.find(href, at + 1)) {
        if (answer.body.compare(at + href.size(), url.size() + 1, url + "/") != 0) {
            return 0;
        }
        ++links;
    }
    return links;
}

/// A bookstore of all contexts behind a gateway.
struct Shop {
    Story story{trusting};
    std::uint16_t port = static_cast<std::uint16_t>(std::stoi(story.process().port()));
    Gateway gateway{all_at(port)};

    Answer get(const std::string& target, std::vector<Header> headers = {}) const {
        return ask(Method::get, gateway.url() + target, {}, std::move(headers));
    }
    Answer post(
        const std::string& target, const std::string& json = {}, std::vector<Header> headers = {}
    ) const {
        return ask(Method::post, gateway.url() + target, json, std::move(headers));
    }
};

constexpr auto order_json =
    R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan","payAmount":1000.0})";

}  // namespace

TEST_CASE("gateway: a shop's story, whose links and locations lead through it") {
    Shop shop;
    const std::string url = shop.gateway.url();
    const auto customer = shop.post("/customers", R"({"customerName":"kim"})");
    CHECK(customer.status == 201);
    CHECK(customer.header("Location") == url + "/customers/1");
    CHECK(links_below(customer, url) > 0);
    CHECK(
        shop.post("/books", R"({"bookName":"DDD","stock":10})").header("Location") ==
        url + "/books/1"
    );
    for (int i = 0; i < 3; ++i) {
        REQUIRE(shop.post("/orders", order_json).status == 201);
    }
    REQUIRE(shop.story.order_becomes(3, "Shipped"));
    REQUIRE(shop.story.payment_becomes(3, "PAYMENT_COMPLETED"));
    REQUIRE(eventually([&] {
        return shop.get("/paymentHistories").field("page.totalElements") == "3";
    }));
    for (const std::string target :
         {"/",
          "/orders",
          "/orders?size=1&page=1",
          "/orders/1",
          "/orders/search",
          "/orders/search/findByCustomerId?customerId=1&size=1",
          "/customers",
          "/books/1",
          "/stockInputs",
          "/deliverables",
          "/deliveries",
          "/payments",
          "/paymentHistories",
          "/myPages",
          "/profile"}) {
        CAPTURE(target);
        const auto answer = shop.get(target);
        CHECK(answer.status == 200);
        CHECK(links_below(answer, url) > 0);
    }
    // Every page is reached by its links.
    std::string next = url + "/orders?size=1";
    int pages = 0;
    for (; next != "missing" && pages < 9; ++pages) {
        const auto page = ask(Method::get, next);
        CHECK(page.items("orders").size() == 1);
        next = page.field("_links.next.href");
    }
    CHECK(pages == 3);
    CHECK(ask(Method::del, url + "/orders/3").status == 409);  // it is shipped, and says so itself
    CHECK(shop.get("/requestPayment?payment=1000").body == "PAYMENT_COMPLETED");
    CHECK(shop.get("/requestPayment").status == 400);
    CHECK(shop.get("/isHealthy").status == 200);
    CHECK(shop.get("/isReady").body == "");
}

TEST_CASE("gateway: every collection and its profile, as GET / and the description have them") {
    Shop shop;
    const auto index = shop.get("/").json();
    std::size_t collections = 0;
    for (const auto& link : index.at("_links").as_object()) {
        const std::string name(link.key());
        CAPTURE(name);
        CHECK(shop.get("/" + name).status == 200);
        if (name != "profile") {
            CHECK(shop.get("/profile/" + name).status == 200);
            ++collections;
        }
    }
    CHECK(collections == 9);
    // What the description has, is there, or is kept from the outside on purpose.
    const std::set<std::string> inside{
        "modules",
        "actuator",
        "parked",
        "rebuilds",
        "trace",
        "metrics",
        "backups",
        "makeZombie",
        "board",
        "cancelPayment"
    };
    const auto document = shop.get("/openapi.json").json();
    for (const auto& path : document.at("paths").as_object()) {
        const std::string pattern(path.key());
        CAPTURE(pattern);
        const std::string first = pattern.substr(1, pattern.find('/', 1) - 1);
        const auto answer = ask(Method::options, shop.gateway.url() + pattern);
        const bool kept_inside = answer.status == 404;
        CHECK(kept_inside == inside.contains(first));
    }
}

TEST_CASE("gateway: what is for operators is not there, and is where they have a gateway of theirs"
) {
    Shop shop;
    Gateway operators(all_at(shop.port), {.operators = true});
    for (const std::string path :
         {"/modules", "/actuator/health", "/parked", "/board", "/console"}) {
        CAPTURE(path);
        CHECK(error_fault(shop.get(path), 404, path) == "");
        CHECK(ask(Method::get, operators.url() + path).status == 200);
    }
    for (const std::string path : {"/makeZombie", "/metrics", "/backups"}) {
        CHECK(shop.get(path).status == 404);
        CHECK(ask(Method::get, operators.url() + path).status == 404);
    }
    CHECK(shop.story.get("/isHealthy").status == 200);
    // No detour, either.
    for (const std::string path :
         {"//modules", "/orders/../modules", "/orders/%2e%2e/modules", "/%6dodules", "/modules/"}) {
        CAPTURE(path);
        CHECK(shop.get(path).status == 404);
    }
    CHECK(shop.post("/modules/van/stop").status == 404);
    CHECK(shop.story.get("/modules/van").field("state") == "RUNNING");
    const auto stopped = ask(Method::post, operators.url() + "/modules/van/stop");
    CHECK(stopped.field("state") == "STOPPED");
    CHECK(links_below(stopped, operators.url()) > 0);
}

TEST_CASE("gateway: a client's word on who was asked is not believed") {
    Shop shop;
    REQUIRE(shop.post("/customers", R"({"customerName":"kim"})").status == 201);
    const auto answer = shop.get(
        "/customers/1",
        {{"Forwarded", "host=evil.example;proto=https"},
         {"X-Forwarded-Host", "evil.example"},
         {"X-Forwarded-Proto", "https"},
         {"X-Forwarded-Port", "444"},
         {"X-Forwarded-Prefix", "/evil"}}
    );
    CHECK(answer.field("_links.self.href") == shop.gateway.url() + "/customers/1");
}

TEST_CASE("gateway: events come through as they happen") {
    Shop shop;
    std::atomic<int> seen{0};
    std::atomic<bool> open{false};
    std::thread reader([&] {
        bookstore::http::fetch_stream(
            bookstore::http::parse_url(shop.gateway.url() + "/events"),
            {},
            [&](int status) { open = status == 200; },
            [&](std::string_view piece) {
                for (auto at = piece.find("\ndata: "); at != piece.npos;
                     at = piece.find("\ndata: ", at + 1)) {
                    ++seen;
                }
                return seen < 3;
            }
        );
    });
    CHECK(eventually([&] { return open.load(); }));
    // Each is seen before the next one happens, though it would fill no buffer.
    for (int customer = 1; customer <= 3; ++customer) {
        CHECK(shop.post("/customers", R"({"customerName":"kim"})").status == 201);
        CHECK(eventually([&] { return seen >= customer; }));
    }
    reader.join();
}

TEST_CASE("gateway: a process that is gone is a 502 that says so, and the others go on") {
    Processes split({"customer,inventory", "order,delivery,payment,payment_history,van"}, trusting);
    GatewayPorts ports = all_at(split.port(1));
    ports["customer"] = split.port(0);
    ports["book"] = split.port(0);
    Gateway gateway(ports);
    CHECK(ask(Method::get, gateway.url() + "/customers").status == 200);
    CHECK(ask(Method::get, gateway.url() + "/orders").status == 200);
    split.at(0).kill();
    const auto gone = ask(Method::get, gateway.url() + "/customers?page=1&size=\"x\"");
    CHECK(error_fault(gone, 502, "/customers") == "");
    CHECK(gone.header("Retry-After") == "1");
    CHECK(error_fault(ask(Method::post, gateway.url() + "/books", "{}"), 502, "/books") == "");
    CHECK(ask(Method::get, gateway.url() + "/orders").status == 200);
    CHECK(ask(Method::get, gateway.url() + "/").status == 200);
    CHECK(links_below(ask(Method::get, gateway.url() + "/"), gateway.url()) == 10);
    split.start(0);
    CHECK(eventually([&] { return ask(Method::get, gateway.url() + "/customers").status == 200; }));
    split.at(1).kill();
    // What every process answers comes from the next one.
    CHECK(ask(Method::get, gateway.url() + "/profile").status == 200);
    const auto whole = ask(Method::get, gateway.url() + "/openapi.json");
    CHECK(whole.json().at("paths").as_object().contains("/orders"));
}

TEST_CASE("gateway: a process that hangs is a 504 that says so") {
    Shop shop;
    Gateway gateway(all_at(shop.port), {.impatient = true});
    freeze(shop.story.process().pid());
    const auto hangs = ask(Method::get, gateway.url() + "/orders");
    shop.story.process().signal(SIGCONT);
    CHECK(error_fault(hangs, 504, "/orders") == "");
    CHECK(hangs.header("Retry-After") == "1");
    CHECK(eventually([&] { return ask(Method::get, gateway.url() + "/orders").status == 200; }));
}

TEST_CASE("gateway: nothing is sent twice, whatever became of the first time") {
    // It answers a GET, and breaks the connection over anything else: a kept one, which nginx takes
    // for one that had been closed before, and would try again.
    std::atomic<int> writes{0};
    RawServer broken([&](RawConnection& connection, int) {
        for (auto head = connection.request(); !head.empty(); head = connection.request()) {
            if (!head.starts_with("GET ")) {
                ++writes;
                connection.reset();
                return;
            }
            connection.answer(200, "{}");
        }
    });
    const std::string url = broken.url();
    Gateway gateway(all_at(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)))));
    const std::string target = gateway.url() + "/orders";
    int sent = 0;
    for (const Method method : {Method::post, Method::del, Method::put, Method::patch}) {
        CAPTURE(static_cast<int>(method));
        for (int i = 0; i < 20; ++i) {  // each worker keeps a connection
            REQUIRE(ask(Method::get, target).status == 200);
        }
        CHECK(error_fault(ask(method, target + "/1", order_json), 502, "/orders/1") == "");
        CHECK(writes == ++sent);
    }
}

TEST_CASE("gateway: what is too large for a process is refused by it, in the contract's words") {
    Shop shop;
    const std::string large = R"({"customerName":")" + std::string((1 << 20) + 10, 'k') + R"("})";
    CHECK(error_fault(shop.post("/customers", large), 413, "/customers") == "");
    const std::string just = R"({"customerName":")" + std::string((1 << 20) - 100, 'k') + R"("})";
    CHECK(error_fault(shop.post("/customers", just), 400, "/customers") == "");
    CHECK(error_fault(shop.get("/nothing"), 404, "/nothing") == "");
    const auto long_one = shop.get("/orders/" + std::string(20'000, '1'));
    CHECK(long_one.status == 414);
    CHECK(long_one.field("error") == "URI Too Long");
    const auto unreadable = shop.get("/%zz");
    CHECK(unreadable.status == 400);
    CHECK(unreadable.field("error") == "Bad Request");
    CHECK(error_fault(shop.get("/error/502"), 404, "/error/502") == "");
    const auto read_by_a_page = shop.get("/nothing", {{"Origin", "https://shop.example"}});
    CHECK(read_by_a_page.header("Access-Control-Allow-Origin") == "*");
    CHECK(
        shop.get("/orders", {{"Origin", "https://shop.example"}})
            .header("Access-Control-Allow-Origin") == "*"
    );
}

TEST_CASE("gateway: connections to the processes are kept") {
    std::atomic<int> requests{0};
    RawServer counting([&](RawConnection& connection, int) {
        while (!connection.request().empty()) {
            ++requests;
            connection.answer(200, "{}");
        }
    });
    const std::string url = counting.url();
    Gateway gateway(all_at(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)))));
    for (int i = 0; i < 200; ++i) {
        REQUIRE(ask(Method::get, gateway.url() + "/orders").status == 200);
    }
    CHECK(requests == 200);
    CHECK(counting.connections() <= 100);  // at most one a worker, where none is kept: 200
}

TEST_CASE("gateway: it comes back on its port, and a frozen one answers when it is thawed") {
    Shop shop;
    shop.gateway.kill();
    CHECK_THROWS(shop.get("/orders"));
    shop.gateway.start();
    CHECK(shop.get("/orders").status == 200);
    shop.gateway.stop();
    shop.gateway.start();
    shop.gateway.freeze();
    std::atomic<bool> answered{false};
    std::thread client([&] { answered = shop.get("/orders").status == 200; });
    shop.gateway.thaw();
    client.join();
    CHECK(answered);
}
