#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "auth/key_source.hpp"
#include "base/clock.hpp"
#include "story.hpp"
#include "support/authority.hpp"
#include "support/free_ports.hpp"
#include "support/program.hpp"
#include "support/signing_key.hpp"
#include "support/text_file.hpp"
#include "support/tokens.hpp"

// A shop with doors, as its people, its tools and its own processes go through them.

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

/// A token in a file of its own.
class Badge {
  public:
    Badge(const Tokens& tokens, const std::string& role) { renew(tokens.token(role)); }

    std::string path() const { return directory_.path() + "/token"; }
    /// As who renews it does it: there is never half a token.
    void renew(const std::string& token) const {
        std::ofstream(path() + ".new") << token << '\n';
        std::filesystem::rename(path() + ".new", path());
    }

  private:
    TemporaryDirectory directory_;
};

/// A variable of the environment, for the programs that are run meanwhile.
class Variable {
  public:
    Variable(const char* name, const std::string& value) : name_(name) {
        setenv(name, value.c_str(), 1);
    }
    ~Variable() { unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
};

std::vector<boost::json::object> lines_of(const std::string& path) {
    std::vector<boost::json::object> lines;
    const std::string text = text_of_file(path);
    for (std::size_t at = 0; text.find('\n', at) != std::string::npos;) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(boost::json::parse(text.substr(at, end - at)).as_object());
        at = end + 1;
    }
    return lines;
}

}  // namespace

TEST_CASE("the seed's story with doors: each does what is his, and sees what is his") {
    const Tokens tokens;
    Story story(tokens.flags());
    const auto as = [&](const std::string& role,
                        Method method,
                        const std::string& target,
                        const std::string& body = {}) {
        return story.send(
            method, target, body, {tokens.header(role), {"Accept", "application/json, */*"}}
        );
    };
    CHECK(
        as("customer-operator", Method::post, "/customers", R"({"customerName":"홍길동"})")
            .status == 201
    );
    CHECK(
        as("book-manager", Method::post, "/books", R"({"bookName":"C++","stock":"150"})").status ==
        201
    );
    const std::string order =
        R"({"bookId": "1", "customerId": "1", "quantity": "100", "deliveryAddress": "busan si", )"
        R"("payAmount": "1000.0", "payType": "ONCE"})";
    CHECK(story.post("/orders", order).status == 401);
    CHECK(as("book-manager", Method::post, "/orders", order).status == 403);
    CHECK(as("customer 2", Method::post, "/orders", order).status == 403);
    const auto placed = as("customer 1", Method::post, "/orders", order);
    CHECK(placed.status == 201);
    CHECK(placed.field("orderStatus") == "ORDERED");
    REQUIRE(eventually([&] {
        return as("customer 1", Method::get, "/myPages/1").field("orderStatus") == "Shipped" &&
               as("customer 1", Method::get, "/paymentHistories/1").field("payStatus") ==
                   "PAYMENT_COMPLETED";
    }));
    CHECK(as("customer 1", Method::get, "/payments").field("page.totalElements") == "1");
    CHECK(as("customer 2", Method::get, "/payments").field("page.totalElements") == "0");
    // The second one finds too little stock, waits, and ships when some comes in.
    CHECK(
        as("customer 1",
           Method::post,
           "/orders",
           R"({"bookId":1,"customerId":1,"quantity":70,"deliveryAddress":"seoul"})")
            .status == 201
    );
    REQUIRE(eventually([&] {
        return as("book-manager", Method::get, "/deliverables/2").field("status") == "Stock_Lacked";
    }));
    CHECK(as("customer 1", Method::get, "/deliverables/2").status == 403);
    CHECK(
        as("book-manager",
           Method::post,
           "/stockInputs",
           R"({"bookId":"1","quantity":"20","inCharger":"Kim"})")
            .status == 201
    );
    REQUIRE(eventually([&] {
        return as("customer 1", Method::get, "/orders/2").field("orderStatus") == "Shipped";
    }));
    CHECK(
        as("courier", Method::patch, "/deliveries/2", R"({"deliveryStatus":"Delivered"})").status ==
        200
    );
    CHECK(as("customer 1", Method::get, "/deliveries/2").field("deliveryStatus") == "Delivered");
    CHECK(as("customer 2", Method::get, "/deliveries/2").status == 404);
    const Badge operators(tokens, "operator");
    const auto events = run_bookstore(
        {"events", "--from-beginning", "--url", story.url(), "--token-file", operators.path()}
    );
    CHECK(events.status == 0);
    CHECK(std::ranges::count(events.out, '\n') >= 10);
    CHECK(story.ends_with() == "");
}

TEST_CASE("tools say who asks, by a file or the environment, and show no token") {
    const Tokens tokens;
    Story story(tokens.flags({"--log-level", "debug"}));
    const Badge badge(tokens, "operator");
    const std::string token = tokens.token("operator");
    const auto run = [&](std::vector<std::string> words) {
        words.insert(words.end(), {"--url", story.url()});
        return run_bookstore(words);
    };
    const std::vector<std::vector<std::string>> commands{
        {"modules"},
        {"parked", "list"},
        {"events", "--from-beginning"},
        {"rebuild", "my-page"},
        {"backup", story.data_dir() + "/../" + "backup-of-" + story.process().port()},
    };
    for (std::vector<std::string> words : commands) {
        CAPTURE(words.front());
        if (words.front() == "backup") {
            const TemporaryDirectory target;
            words[1] = target.path();
            words.insert(words.end(), {"--token-file", badge.path()});
            CHECK(run(words).status == 0);
            continue;
        }
        const auto refused = run(words);
        CHECK(refused.status == 1);
        CHECK_MESSAGE(refused.error.find("--token-file") != std::string::npos, refused.error);
        auto by_file = words;
        by_file.insert(by_file.end(), {"--token-file", badge.path()});
        CHECK(run(by_file).status == 0);
        auto by_flag = words;
        by_flag.insert(by_flag.end(), {"--token", token});
        CHECK(run(by_flag).status == 0);
        const Variable variable("BOOKSTORE_TOKEN", token);
        CHECK(run(words).status == 0);
        const auto help = run_bookstore({words.front(), "--help"});
        CHECK(help.out.find(token) == std::string::npos);
    }
    const auto bad = run({"modules", "--token", "a\nX-Evil: 1"});
    CHECK(bad.status == 1);
    CHECK(bad.error.find("Evil") == std::string::npos);
    CHECK(run({"modules", "--token-file", "/nowhere"}).error.find("/nowhere") != std::string::npos);
    CHECK(run({"healthcheck"}).status == 0);
    CHECK(
        run({"modules", "--token", tokens.token("courier")})
            .error.find("needs the role operator") != std::string::npos
    );
    CHECK(story.log().find(token.substr(token.rfind('.') + 1)) == std::string::npos);
}

TEST_CASE("the demo plays in a shop with doors when it has the secret") {
    const Tokens tokens;
    Story story(tokens.flags());
    const auto played = run_bookstore(
        {"demo",
         "--rate",
         "1000",
         "--actions",
         "60",
         "--url",
         story.url(),
         "--auth-secret-file",
         tokens.secret_file()}
    );
    CHECK_MESSAGE(played.status == 0, played.error);
    CHECK(played.out.find("orders") != std::string::npos);
    CHECK(played.out.find(": 201") != std::string::npos);
    const auto refused = run_bookstore({"demo", "--actions", "1", "--url", story.url()});
    CHECK(refused.status == 1);
    CHECK(refused.error.find("401") != std::string::npos);
}

TEST_CASE("keys of an issuer are taken up when they change, and the last good ones stay") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/jwks.json";
    const auto have = [&](const std::string& text) {
        std::ofstream(path + ".new") << text;
        std::filesystem::rename(path + ".new", path);
    };
    const SigningKey old = SigningKey::rsa();
    const SigningKey next = SigningKey::p256();
    have(jwks_of(old.jwk("old")));
    Story story(
        {"--auth",
         "jwt",
         "--auth-jwks",
         path,
         "--auth-issuer",
         "https://id.example",
         "--auth-audience",
         "bookstore",
         "--auth-roles-claim",
         "realm_access.roles"}
    );
    const auto status = [&](const SigningKey& key,
                            const std::string& kid,
                            const std::string& audience = "bookstore") {
        const std::string claims = fmt::format(
            R"({{"iss":"https://id.example","aud":["account","{}"],"exp":{},"realm_access":{{"roles":["operator"]}}}})",
            audience,
            bookstore::SystemClock().now_ms() / 1000 + 60
        );
        return story.get(
                        "/modules", {{"Authorization", "Bearer " + token_of(key, claims, kid)}}
        ).status;
    };
    CHECK(status(old, "old") == 200);
    CHECK(status(old, "old", "another") == 401);
    CHECK(status(next, "next") == 401);
    have(jwks_of(old.jwk("old") + "," + next.jwk("next")));
    CHECK(eventually([&] { return status(next, "next") == 200; }));
    CHECK(status(old, "old") == 200);
    have("not yet");
    CHECK(eventually([&] { return story.log().find("last good keys") != std::string::npos; }));
    CHECK(status(next, "next") == 200);
    std::filesystem::remove(path);
    have(jwks_of(next.jwk("next")));
    CHECK(eventually([&] { return status(old, "old") == 401; }));
    CHECK(status(next, "next") == 200);
}

TEST_CASE("an issuer's keys come over https from whom --ca-file vouches for, and from nobody else"
) {
    const Authority authority;
    const Authority stranger;
    const auto proof = authority.issue("issuer");
    const TemporaryDirectory site;
    const SigningKey key = SigningKey::ed25519();
    std::ofstream(site.path() + "/jwks.json") << jwks_of(key.jwk("one"));
    // Somebody else's server: it serves the files of the directory where it was started.
    const auto port = free_ports(1).front();
    const std::string serve = fmt::format(
        "cd {} && exec openssl s_server -WWW -quiet -accept 127.0.0.1:{} -cert {} -key {}",
        site.path(),
        port,
        proof.certificate,
        proof.key
    );
    const pid_t issuer = start_program({"bash", "-c", serve}, {.out = site.path() + "/log"});
    const auto story_of = [&](const Authority& believed) {
        return std::make_unique<Story>(std::vector<std::string>{
            "--auth",
            "jwt",
            "--auth-jwks",
            fmt::format("https://127.0.0.1:{}/jwks.json", port),
            "--auth-issuer",
            "https://id.example",
            "--auth-audience",
            "bookstore",
            "--ca-file",
            believed.file()
        });
    };
    const std::string claims = fmt::format(
        R"({{"iss":"https://id.example","aud":"bookstore","exp":{},"roles":["operator"]}})",
        bookstore::SystemClock().now_ms() / 1000 + 600
    );
    const Header token{"Authorization", "Bearer " + token_of(key, claims, "one")};
    {
        const auto story = story_of(authority);
        CHECK(eventually([&] { return story->get("/modules", {token}).status == 200; }));
    }
    const auto fooled = story_of(stranger);
    CHECK(eventually([&] { return fooled->log().find("is not trusted by") != std::string::npos; }));
    CHECK(fooled->get("/modules", {token}).status == 503);
    ::kill(issuer, SIGKILL);
    CHECK(eventually([&] { return exit_status_of(issuer).has_value(); }));
}

TEST_CASE("processes go through each other's doors by a token of their own, which is renewed") {
    const Tokens tokens;
    // Who answers has customers, books and VAN; who asks, the rest.
    Story answering(tokens.flags({"--modules", "customer,inventory,van", "--kafka", "none"}));
    REQUIRE(
        answering
            .send(
                Method::post,
                "/customers",
                R"({"customerName":"kim"})",
                {tokens.header("customer-operator")}
            )
            .status == 201
    );
    REQUIRE(
        answering
            .send(
                Method::post,
                "/books",
                R"({"bookName":"DDD","stock":9})",
                {tokens.header("book-manager")}
            )
            .status == 201
    );
    const std::string url = answering.url();
    const auto flags = [&](std::vector<std::string> more) {
        more.insert(
            more.end(),
            {"--modules",
             "order,payment,payment_history,delivery",
             "--kafka",
             "none",
             "--customer-url",
             url,
             "--inventory-url",
             url,
             "--van-url",
             url,
             "--peers",
             url}
        );
        return tokens.flags(more);
    };
    const std::string order =
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"seoul","payAmount":5})";
    const auto status_of_order = [&](Story& asking) {
        return asking.send(Method::post, "/orders", order, {tokens.header("customer 1")})
            .field("orderStatus");
    };
    Story asking(flags({}));
    CHECK(status_of_order(asking) == "Customer_Not_Verified");
    CHECK(asking.log().find("--port-token-file") != std::string::npos);

    const Badge badge(tokens, "courier");
    asking.restart(flags({"--port-token-file", badge.path()}));
    CHECK(status_of_order(asking) == "Customer_Not_Verified");
    // It is renewed, with the roles that a port needs.
    const std::int64_t now_s = bookstore::SystemClock().now_ms() / 1000;
    badge.renew(bookstore::auth::make_token(
        {.subject = "order-process",
         .roles = bookstore::http::Role::customer_operator | bookstore::http::Role::operators,
         .issued_s = now_s,
         .expires_s = now_s + 600},
        bookstore::auth::read_secret(tokens.secret_file()),
        {}
    ));
    CHECK(eventually([&] { return status_of_order(asking) == "ORDERED"; }));
    const auto payment = [&](const std::string& field) {
        return asking
                   .get(
                       "/payments?sort=paymentId,desc&size=1", {tokens.header("customer-operator")}
                   )
                   .body.find(field) != std::string::npos;
    };
    CHECK(eventually([&] { return payment("PAYMENT_COMPLETED"); }));
    // What operators ask is answered for both, and done where the context is.
    const auto modules = asking.get("/modules", {tokens.header("operator")});
    CHECK(modules.items("modules").size() == 7);
    CHECK(
        asking.send(Method::post, "/modules/customer/stop", {}, {tokens.header("operator")})
            .status == 200
    );
    CHECK(
        answering.get("/modules/customer", {tokens.header("operator")}).field("state") == "STOPPED"
    );
    CHECK(answering.log().find("subject=order-process") != std::string::npos);
}

TEST_CASE("operators' actions and refused attempts are in the audit log, and no token is") {
    const Tokens tokens;
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/audit.jsonl";
    Story story(tokens.flags({"--audit-log", path}));
    const auto as = [&](const std::string& role,
                        Method method,
                        const std::string& target,
                        std::vector<Header> headers = {}) {
        headers.push_back(tokens.header(role));
        return story.send(method, target, {}, std::move(headers)).status;
    };
    CHECK(as("operator", Method::post, "/modules/van/stop") == 200);
    CHECK(as("operator", Method::get, "/modules/van") == 200);
    CHECK(
        as("operator", Method::post, "/modules/van/start", {{"Origin", "http://evil.example"}}) ==
        403
    );
    CHECK(as("courier", Method::post, "/modules/van/start?token=secret") == 403);
    CHECK(story.get("/orders").status == 401);
    CHECK(as("courier", Method::get, "/deliveries") == 200);
    CHECK(as("operator", Method::get, "/makeZombie") == 200);
    CHECK(as("operator", Method::post, "/modules/none/stop") == 404);
    const auto metrics = story.get("/metrics", {tokens.header("operator")}).body;
    CHECK(metrics.find("bookstore_audit_lines_total{result=\"lost\"} 0") != std::string::npos);
    story.stop();
    std::vector<std::string> seen;
    for (const auto& line : lines_of(path)) {
        seen.push_back(fmt::format(
            "{} {} {} {} {}",
            text_of(line.at("subject")),
            text_of(line.at("role")),
            text_of(line.at("action")),
            text_of(line.at("what")),
            text_of(line.at("outcome"))
        ));
        CHECK(text_of(line.at("address")) == "127.0.0.1");
    }
    CHECK(
        seen ==
        std::vector<std::string>{
            "operator operator POST /modules/van/stop done",
            "operator operator POST /modules/van/start refused",
            "courier courier POST /modules/van/start refused",
            "  GET /orders refused",
            "operator operator GET /makeZombie done",
            "operator operator POST /modules/none/stop failed",
        }
    );
    const std::string token = tokens.token("operator");
    CHECK(text_of_file(path).find("eyJ") == std::string::npos);
    CHECK(text_of_file(path).find("secret") == std::string::npos);
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0137) == 0);
    CHECK(story.log().find("POST /modules/van/stop 200") != std::string::npos);
    CHECK(story.log().find("subject=operator") != std::string::npos);
    CHECK(
        run_bookstore({"serve",
                       "--listen",
                       "127.0.0.1:0",
                       "--data-dir",
                       directory.path() + "/data",
                       "--audit-log",
                       "/nowhere/audit"})
            .error.find("/nowhere/audit") != std::string::npos
    );
}
