#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdint>
#include <string>
#include <vector>

#include "http_server/raw_client.hpp"
#include "support/bookstore_process.hpp"

// A process that may open few files, and clients that want them all.

using namespace bookstore::test;

namespace {

constexpr int allowed = 256;
constexpr int crowd = 400;

Reply ask(RawClient& client, const std::string& line, const std::string& body = {}) {
    client.send(fmt::format(
        "{} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "{}\r\n\r\n{}",
        line,
        body.size(),
        body
    ));
    return client.reply();
}

/// A socket is a descriptor here, too.
void allow_a_crowd() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

TEST_CASE("however many clients come, files, tools and a backup have their descriptors") {
    const TemporaryDirectory directory;
    allow_a_crowd();
    BookstoreProcess process(
        directory.path() + "/data", {"--threads", "2"}, BookstoreProcess::Until::open, allowed
    );
    process.wait_until_ready();
    CHECK(process.log().find("256 open files are allowed") != std::string::npos);
    const auto port = static_cast<std::uint16_t>(std::stoi(process.port()));
    RawClient inside(port);
    CHECK(ask(inside, "GET /isReady").status == 200);
    std::vector<RawClient> idle;
    for (int i = 0; i < crowd; ++i) {
        idle.emplace_back(port);
    }
    const Reply refused = idle.back().reply();
    CHECK(refused.status == 503);
    CHECK(refused.header("retry-after") == "1");

    CHECK(ask(inside, "GET /modules").status == 200);
    CHECK(ask(inside, "POST /customers", R"({"customerName":"kim"})").status == 201);
    for (const std::string collection : {"customers", "books", "orders", "payments", "myPages"}) {
        CHECK(ask(inside, "GET /" + collection).status == 200);
    }
    const std::string target = fmt::format(R"({{"directory":"{}/backup"}})", directory.path());
    CHECK(ask(inside, "POST /backups", target).status == 200);
    CHECK(ask(inside, "GET /isHealthy").status == 200);
    idle.clear();
    CHECK(eventually([&] { return process.get("/customers").status == 200; }));
}
