#include "observe/audit.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "http/authentication.hpp"
#include "support/eventually.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_file.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

using http::Audience;
using http::Method;
using http::Role;

/// A log, and a server that notes in it.
struct Audited {
    TemporaryDirectory directory;
    std::string path = directory.path() + "/audit.jsonl";
    VirtualClock clock;
    std::unique_ptr<observe::AuditLog> log = std::make_unique<observe::AuditLog>(path, clock);

    Audited() {
        std::vector<http::Route> routes;
        routes.push_back({.audience = Audience::operators, .pattern = "/modules"});
        routes.push_back(
            {.audience = Audience::operators, .method = Method::post, .pattern = "/stop"}
        );
        routes.push_back({.audience = Audience::operators, .pattern = "/makeZombie", .head = false}
        );
        routes.push_back({.audience = Role::customer, .method = Method::post, .pattern = "/orders"}
        );
        log->know_routes(routes);
    }

    void answered(
        std::uint32_t route,
        int status,
        std::string_view address = "192.0.2.1",
        const std::string& path_asked = "/modules/van/stop"
    ) const {
        http::Request request;
        request.route = route;
        request.path = path_asked;
        request.headers = {{"Authorization", "Bearer SECRET"}};
        request.identity = std::make_shared<const http::Identity>(
            http::Identity{.subject = "kim", .roles = Role::operators, .customer = 0}
        );
        log->note({
            .method = "POST",
            .target = "/modules/van/stop?access_token=SECRET",
            .status = status,
            .duration = {},
            .peer = address,
            .sent_bytes = 0,
            .request_id = "r-1",
            .trace = {},
            .request = &request,
        });
    }
    /// All lines, of a log that has ended.
    std::vector<boost::json::object> lines() {
        log.reset();
        std::vector<boost::json::object> all;
        const std::string text = text_of_file(path);
        CHECK(text.find("SECRET") == std::string::npos);
        for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
            all.push_back(boost::json::parse(text.substr(at, text.find('\n', at) - at)).as_object()
            );
        }
        return all;
    }
};

std::string text_in(const boost::json::object& line, std::string_view name) {
    return std::string(line.at(name).as_string());
}

}  // namespace

TEST_CASE("an operator's action is a line, whatever came of it, and so is a refused attempt") {
    Audited audited;
    audited.answered(2, 200);
    audited.answered(2, 409);
    audited.answered(3, 200);
    audited.answered(1, 200);  // he looked
    audited.answered(4, 201);  // no operator's
    audited.answered(4, 403);
    audited.answered(1, 401);
    audited.answered(0, 404);
    audited.answered(0, 403);
    const auto lines = audited.lines();
    std::string outcomes;
    for (const auto& line : lines) {
        outcomes += text_in(line, "outcome") + " ";
    }
    CHECK_EQ(outcomes, "done failed done refused refused refused ");
    CHECK_EQ(text_in(lines[0], "time"), "2020-09-10T04:50:35.000Z");
    CHECK_EQ(text_in(lines[0], "subject"), "kim");
    CHECK_EQ(text_in(lines[0], "role"), "operator");
    CHECK_EQ(text_in(lines[0], "address"), "192.0.2.1");
    CHECK_EQ(text_in(lines[0], "action"), "POST");
    CHECK_EQ(text_in(lines[0], "what"), "/modules/van/stop");
    CHECK_EQ(lines[0].at("status").as_int64(), 200);
    CHECK_EQ(text_in(lines[0], "requestId"), "r-1");
    struct stat status{};
    REQUIRE_EQ(::stat(audited.path.c_str(), &status), 0);
    CHECK_EQ(status.st_mode & 0137, 0);
}

TEST_CASE("what a client sends breaks no line") {
    Audited audited;
    audited.answered(2, 200, "unix", std::string("/a\"\n\xff\x01\\") + std::string(1000, 'a'));
    const auto lines = audited.lines();
    REQUIRE_EQ(lines.size(), 1);
    CHECK(text_in(lines[0], "what").starts_with("/a\"\\x0a\\xff\\x01\\aaa"));
    CHECK_LT(text_in(lines[0], "what").size(), 600);
}

TEST_CASE("refusals of one address are summed up beyond some a second, and hide no action") {
    Audited audited;
    const auto refuse = [&](std::string_view address, int times) {
        for (int i = 0; i < times; ++i) {
            audited.answered(0, 401, address);
        }
    };
    refuse("192.0.2.1", 1000);
    refuse("192.0.2.2", 3);
    audited.answered(2, 200);
    audited.clock.advance(1000);
    refuse("192.0.2.1", 11);
    const auto lines = audited.lines();
    std::string seen;
    for (const auto& line : lines) {
        const auto* more = line.if_contains("more");
        if (more != nullptr) {
            seen += fmt::format("{}+{} ", text_in(line, "address"), more->as_int64());
        }
    }
    CHECK_EQ(seen, "192.0.2.1+990 192.0.2.1+1 ");
    CHECK_EQ(lines.size(), 10 + 3 + 1 + 1 + 10 + 1);
    CHECK_EQ(
        std::ranges::count_if(
            lines, [](const auto& line) { return text_in(line, "outcome") == "done"; }
        ),
        1
    );
}

TEST_CASE("from however many addresses refusals come, what is kept of them is bounded") {
    Audited audited;
    for (int i = 0; i < 3'000; ++i) {
        audited.answered(0, 401, fmt::format("2001:db8::{:x}", i));
    }
    const auto lines = audited.lines();
    const std::size_t most =
        observe::AuditLog::most_addresses + observe::AuditLog::refusals_a_second + 1;
    CHECK_EQ(lines.size(), most);
    CHECK_EQ(text_in(lines.back(), "address"), "others");
}

TEST_CASE("a log that was moved away is begun anew, and one that cannot be written is counted") {
    Audited audited;
    const auto written = [&](std::uint64_t lines) {
        return eventually([&] { return audited.log->counts().written == lines; });
    };
    audited.answered(2, 200);
    REQUIRE(written(1));
    const std::string kept = audited.path + ".1";
    std::filesystem::rename(audited.path, kept);
    audited.answered(2, 409);
    REQUIRE(written(2));
    CHECK_NE(text_of_file(kept).find("done"), std::string::npos);
    CHECK_EQ(text_of_file(kept).find("failed"), std::string::npos);
    CHECK_NE(text_of_file(audited.path).find("failed"), std::string::npos);
    // The directory has gone: the file is still open, and written to.
    CHECK_EQ(audited.log->counts().lost, 0);
    CHECK_THROWS_AS(
        observe::AuditLog(audited.directory.path() + "/none/audit", audited.clock),
        std::system_error
    );
    // /dev/full takes nothing.
    observe::AuditLog full("/dev/full", audited.clock);
    full.know_routes({});
    http::Request request;
    full.note({
        .method = "GET",
        .target = "/",
        .status = 401,
        .duration = {},
        .peer = "192.0.2.1",
        .sent_bytes = 0,
        .request_id = {},
        .trace = {},
        .request = &request,
    });
    CHECK(eventually([&] { return full.counts().lost == 1; }));
}

TEST_CASE("several threads note, and every line is whole") {
    Audited audited;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&audited] {
                for (int times = 0; times < 500; ++times) {
                    audited.answered(2, 200);
                }
            });
        }
    }
    CHECK_EQ(audited.lines().size(), 2000);
}

}  // namespace bookstore::test
