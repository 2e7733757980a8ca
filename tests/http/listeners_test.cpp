#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "http_server/raw_client.hpp"
#include "story.hpp"

// Two listeners, one of them for operators; and unix sockets.

using namespace bookstore::test;
using bookstore::http::Header;
namespace http = bookstore::http;
namespace fs = std::filesystem;

namespace {

/// Asks at "http://..." or "unix:...".
Answer ask(
    const std::string& base,
    Method method,
    const std::string& target,
    const std::string& json = {},
    std::vector<Header> headers = {}
) {
    http::Url url = http::parse_url(base);
    url.target = target;
    if (!json.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    auto got = http::fetch(method, url, json, headers);
    return {got.status, std::move(got.headers), std::move(got.body)};
}

Answer get(const std::string& base, const std::string& target) {
    return ask(base, Method::get, target);
}

std::vector<std::string> at_two_ports(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--operator-listen", "127.0.0.1:0"});
    return more;
}

std::set<std::string> described_paths(const std::string& base) {
    std::set<std::string> paths;
    const auto document = get(base, "/openapi.json").json();
    for (const auto& path : document.at("paths").as_object()) {
        paths.emplace(path.key());
    }
    return paths;
}

/// A path of that pattern: what is in braces is 1.
std::string example_of(std::string pattern) {
    for (auto open = pattern.find('{'); open != pattern.npos; open = pattern.find('{')) {
        pattern.replace(open, pattern.find('}', open) - open + 1, "1");
    }
    return pattern;
}

std::size_t count_of(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) {
        ++count;
    }
    return count;
}

mode_t mode_of(const std::string& path) {
    struct stat there{};
    REQUIRE(::lstat(path.c_str(), &there) == 0);
    return there.st_mode;
}

/// Serve with these flags ends at once, and says `why`.
void check_refused(const std::vector<std::string>& flags, const std::string& why) {
    const TemporaryDirectory directory;
    std::vector<std::string> words{"serve", "--data-dir", directory.path()};
    words.insert(words.end(), flags.begin(), flags.end());
    const auto refused = run_bookstore(words);
    CAPTURE(refused.error);
    CHECK(refused.status == 1);
    CHECK(refused.error.find(why) != std::string::npos);
    CHECK(std::ranges::count(refused.error, '\n') == 1);
}

}  // namespace

TEST_CASE("what is for operators is at their listener alone, and each listener describes its own") {
    Story story(at_two_ports());
    const std::string customers = story.process().url();
    const std::string operators = story.process().operators_url();
    REQUIRE(customers != operators);
    const auto of_customers = described_paths(customers);
    const auto of_all = described_paths(operators);
    std::set<std::string> of_operators;
    std::ranges::set_difference(
        of_all, of_customers, std::inserter(of_operators, of_operators.end())
    );
    CHECK(std::ranges::includes(of_all, of_customers));
    std::set<std::string> rooms;
    for (const std::string& path : of_operators) {
        rooms.insert(path.substr(0, path.find('/', 1)));
    }
    CHECK(
        rooms ==
        std::set<std::string>{
            "/actuator",
            "/backups",
            "/board",
            "/makeZombie",
            "/metrics",
            "/modules",
            "/parked",
            "/rebuilds",
            "/trace"
        }
    );
    of_operators.insert({"/console", "/console/console_operate.js"});
    for (const std::string& pattern : of_operators) {
        const std::string path = example_of(pattern);
        CAPTURE(path);
        for (const Method method : {Method::get, Method::post, Method::del, Method::options}) {
            CHECK(error_fault(ask(customers, method, path), 404, path) == "");
        }
        CHECK(ask(operators, Method::options, path).status == 204);
        // No detour, either.
        CHECK(ask(customers, Method::get, path + "/").status == 404);
        CHECK(
            ask(customers, Method::get, "/%" + fmt::format("{:x}", path[1]) + path.substr(2))
                .status == 404
        );
    }
    CHECK(get(customers, "/isHealthy").status == 200);
    CHECK(ask(operators, Method::post, "/modules/van/stop").status == 200);
    CHECK(get(operators, "/modules/van").field("state") == "STOPPED");
    CHECK(get(operators, "/console").status == 200);
}

TEST_CASE("customers' paths and probes are at both listeners; why it is ill is for operators") {
    Story story(at_two_ports());
    const std::string customers = story.process().url();
    const std::string operators = story.process().operators_url();
    story.given_customer();
    for (const std::string& base : {customers, operators}) {
        CHECK(get(base, "/customers/1").field("_links.self.href") == base + "/customers/1");
        for (const std::string path : {"/", "/isReady", "/isHealthy", "/docs", "/asyncapi.json"}) {
            CAPTURE(path);
            CHECK(get(base, path).status == 200);
        }
    }
    CHECK(get(customers, "/actuator/health").body == R"({"status":"UP"})");
    CHECK(get(operators, "/actuator/health").field("components.van.status") == "UP");
    CHECK(get(customers, "/actuator/health/van").status == 404);
    const auto schema = [](const std::string& base) {
        return get(base, "/openapi.json")
            .field("paths./actuator/health.get.responses.200.content.application/json.schema.$ref");
    };
    CHECK(schema(customers) != schema(operators));
    CHECK(get(operators, "/makeZombie").status == 200);
    CHECK(get(customers, "/isHealthy").status == 500);
    CHECK(get(customers, "/actuator/health").status == 503);
    CHECK(get(customers, "/actuator/health").body == R"({"status":"DOWN"})");
    CHECK(get(operators, "/actuator/health").field("details.reason") == "Zombie...");
    // One table of routes, whichever listener a request came to.
    const std::string metrics = get(operators, "/metrics").body;
    CHECK(metrics.find(R"(route="/customers/{id}")") != std::string::npos);
    CHECK(metrics.find(R"(route="/makeZombie")") != std::string::npos);
}

TEST_CASE("a page of another origin is refused at the operators' listener, too") {
    Story story(at_two_ports());
    const std::string operators = story.process().operators_url();
    const auto stop = [&](const Header& header) {
        return ask(operators, Method::post, "/modules/van/stop", {}, {header}).status;
    };
    CHECK(stop({"Origin", "http://evil.example"}) == 403);
    CHECK(stop({"Origin", story.process().url()}) == 403);
    CHECK(stop({"Origin", operators}) == 200);
}

TEST_CASE("a backup is taken at the operators' listener, through proxies too") {
    const TemporaryDirectory place;
    Story story(at_two_ports());
    const auto body = fmt::format(R"({{"directory":"{}/backup"}})", place.path());
    CHECK(story.post("/backups", body).status == 404);
    const auto taken =
        ask(story.process().operators_url(),
            Method::post,
            "/backups",
            body,
            {{"X-Forwarded-For", "192.0.2.1"}});
    CHECK(taken.status == 200);
    CHECK(fs::exists(place.path() + "/backup/order.db"));
}

TEST_CASE("operators at a unix socket: its mode, its tools, and its end") {
    const TemporaryDirectory place;
    const std::string path = place.path() + "/operators.sock";
    const std::string url = "unix:" + path;
    Story story({"--operator-listen", url});
    CHECK(story.process().operators_url() == url);
    CHECK(mode_of(path) == (S_IFSOCK | 0660));
    const auto modules = run_bookstore({"modules", "--url", url});
    CHECK(modules.status == 0);
    CHECK(modules.out.find("payment_history") != std::string::npos);
    std::string encoded;
    for (const char c : path) {
        encoded += c == '/' ? "%2F" : std::string(1, c);
    }
    CHECK(run_bookstore({"modules", "stop", "van", "--url", "http+unix://" + encoded}).status == 0);
    CHECK(get(url, "/modules/van").field("state") == "STOPPED");
    CHECK(run_bookstore({"healthcheck", "--url", url}).status == 0);
    CHECK(run_bookstore({"backup", place.path() + "/backup", "--url", url}).status == 0);
    const auto events = run_bookstore({"events", "--from-beginning", "--url", url});
    CHECK(events.status == 0);
    const auto here = run_bookstore({"modules", "--url", story.process().url()});
    CHECK(here.status == 1);
    CHECK(here.error.find("404") != std::string::npos);
    CHECK(story.process().log().find("peer=unix") != std::string::npos);
    story.stop();
    CHECK_FALSE(fs::exists(path));
    const auto gone = run_bookstore({"modules", "--url", url});
    CHECK(gone.status == 1);
    CHECK(gone.error.find(url) != std::string::npos);
}

TEST_CASE("a socket that a killed process left is replaced; one in use, or another file, is not") {
    const TemporaryDirectory place;
    const std::string path = place.path() + "/operators.sock";
    const std::vector<std::string> flags{"--operator-listen", "unix:" + path};
    Story story(flags);
    check_refused(
        {"--listen", "127.0.0.1:0", "--operator-listen", "unix:" + path}, "listens there"
    );
    CHECK(get("unix:" + path, "/modules").status == 200);  // the attempt took nothing away
    story.process().kill();
    CHECK(fs::exists(path));
    story.start(flags);
    CHECK(get("unix:" + path, "/modules").status == 200);

    const std::string file = place.path() + "/file";
    std::ofstream(file) << "kept";
    check_refused({"--listen", "unix:" + file}, "no socket");
    CHECK(fs::file_size(file) == 4);
    check_refused({"--listen", "unix:" + place.path() + "/none/a.sock"}, "directory");
    check_refused({"--listen", "unix:" + place.path() + "/" + std::string(120, 'a')}, "107 bytes");
    // What took its place meanwhile is somebody else's.
    fs::remove(path);
    std::ofstream(path) << "another's";
    story.stop();
    CHECK(fs::exists(path));
}

TEST_CASE("customers at a unix socket, behind a proxy that is trusted by it") {
    const TemporaryDirectory place;
    const std::string customers = "unix:" + place.path() + "/shop.sock";
    const std::string operators = "unix:" + place.path() + "/operators.sock";
    Story story({"--listen", customers, "--operator-listen", operators, "--trusted-proxy", "unix"});
    CHECK(story.process().url() == customers);
    CHECK(ask(customers, Method::post, "/customers", R"({"customerName":"kim"})").status == 201);
    const auto shown =
        ask(customers,
            Method::get,
            "/customers/1",
            {},
            {{"X-Forwarded-Host", "shop.example"}, {"X-Forwarded-Proto", "https"}});
    CHECK(shown.field("_links.self.href") == "https://shop.example/customers/1");
    CHECK(get(customers, "/modules").status == 404);
    CHECK(get(operators, "/modules").status == 200);
    story.restart({"--listen", customers});
    CHECK(
        ask(customers, Method::get, "/customers/1", {}, {{"X-Forwarded-Host", "shop.example"}})
            .field("_links.self.href") == "http://localhost/customers/1"
    );
    // Without an operators' listener, who takes a backup is told by the address; here is none.
    const auto body = fmt::format(R"({{"directory":"{}/backup"}})", place.path());
    CHECK(ask(customers, Method::post, "/backups", body).status == 403);
}

TEST_CASE("a second signal ends it at once, and its socket is removed all the same") {
    const TemporaryDirectory place;
    const std::string path = place.path() + "/operators.sock";
    const TemporaryDirectory data;
    BookstoreProcess process(
        data.path(), {"--operator-listen", "unix:" + path, "--drain-delay", "600000"}
    );
    REQUIRE(fs::exists(path));
    process.signal(SIGTERM);
    REQUIRE(eventually([&] { return process.get("/isReady").status == 503; }));
    process.signal(SIGTERM);
    CHECK(process.wait() == 128 + SIGTERM);
    CHECK_FALSE(fs::exists(path));
}

TEST_CASE("customers who hold every connection that they may have do not lock operators out") {
    Story story(at_two_ports({"--max-connections", "20"}));
    const auto port = static_cast<std::uint16_t>(std::stoi(story.process().port()));
    const std::string operators = story.process().operators_url();
    std::vector<std::unique_ptr<RawClient>> idle;
    const auto take = [&] {
        idle.push_back(std::make_unique<RawClient>(port));
        idle.back()->send("GET /isReady HTTP/1.1\r\nHost: localhost\r\n\r\n");
        return idle.back()->reply().status;
    };
    // Whatever the start has left open is gone soon.
    REQUIRE(eventually([&] { return take() == 503; }));
    CHECK(take() == 503);
    CHECK(idle.size() > 12);
    CHECK(get(operators, "/modules").status == 200);
    CHECK(get(operators, "/customers").status == 200);
    CHECK(ask(operators, Method::post, "/modules/van/stop").status == 200);
    idle.clear();
    CHECK(eventually([&] { return story.get("/customers").status == 200; }));
}

TEST_CASE("SIGTERM ends both listeners, and the streams of both") {
    Story story(at_two_ports());
    const auto port_of = [](const std::string& url) {
        return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    };
    RawClient shop(port_of(story.process().url()));
    RawClient console(port_of(story.process().operators_url()));
    for (RawClient* client : {&shop, &console}) {
        client->send("GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n");
    }
    REQUIRE(eventually([&] {
        return get(story.process().operators_url(), "/metrics").body.find("/events") !=
               std::string::npos;
    }));
    story.stop();  // with status 0, long before its time is over
    CHECK(shop.reply().status == 200);
    CHECK(console.reply().status == 200);
}

TEST_CASE("a server that other machines reach warns of it once, unless operators have their own") {
    const std::string warning = "give operators a listener of their own";
    {
        Story story({"--listen", "0.0.0.0:0"});
        CHECK(count_of(story.process().log(), warning) == 1);
        CHECK(count_of(story.process().log(), "--operator-listen 127.0.0.1:8081") == 1);
    }
    for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
             at_two_ports({"--listen", "0.0.0.0:0"}), {"--listen", "127.0.0.1:0"}
         }) {
        Story story(flags);
        CHECK(count_of(story.process().log(), warning) == 0);
    }
}

TEST_CASE("listeners that cannot be are refused at the start, in a line that says what to do") {
    check_refused(
        {"--listen", "127.0.0.1:0", "--operator-listen", "8081"}, "HOST:PORT or unix:PATH"
    );
    check_refused({"--operator-listen", "127.0.0.1:x"}, "--operator-listen");
    check_refused({"--operator-listen", "127.0.0.1:65536"}, "0 to 65535");
    check_refused({"--operator-listen", "unix:"}, "unix:/run/bookstore.sock");
    check_refused({"--listen", "unix:"}, "--listen");
    check_refused(
        {"--listen", "127.0.0.1:65000", "--operator-listen", "127.0.0.1:65000"},
        "operators need another place"
    );
    const TemporaryDirectory place;
    const std::string url = "unix:" + place.path() + "/a.sock";
    check_refused({"--listen", url, "--operator-listen", url}, "operators need another place");
    CHECK_FALSE(fs::exists(place.path() + "/a.sock"));
    check_refused({"--peers", url}, "unix socket");
    for (const std::string bad : {"unix:", "http+unix://", "http+unix://%2", "ftp://a"}) {
        CAPTURE(bad);
        const auto refused = run_bookstore({"modules", "--url", bad});
        CHECK(refused.status == 1);
        CHECK(std::ranges::count(refused.error, '\n') == 1);
    }
}
