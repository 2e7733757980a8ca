#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api_description.hpp"
#include "http_server/raw_client.hpp"
#include "story.hpp"
#include "support/tokens.hpp"

// Who may do what, as seen from outside: every operation of /openapi.json times every role.

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

const std::string everybody;
const std::string customers = "customer";
const std::string customer_operators = "customer-operator";
const std::string both = "customer, customer-operator";
const std::string book_managers = "book-manager";
const std::string couriers = "courier";
const std::string couriers_and_customers = "customer, courier";
const std::string operators = "operator";

/// Written by hand, from what the shop's people do: an operation that is not here fails the test.
const std::map<std::string, std::string, std::less<>> may = {
    {"index", everybody},
    {"health", everybody},
    {"isReady", everybody},
    {"isHealthy", everybody},
    {"openapi", everybody},
    {"asyncapi", everybody},
    {"profile", everybody},
    {"profileOfCustomers", everybody},
    {"profileOfMyPages", everybody},
    {"profileOfBooks", everybody},
    {"profileOfStockInputs", everybody},
    {"profileOfDeliverables", everybody},
    {"profileOfOrders", everybody},
    {"profileOfDeliveries", everybody},
    {"profileOfPayments", everybody},
    {"profileOfPaymentHistories", everybody},
    {"listBooks", everybody},
    {"getBook", everybody},

    {"placeOrder", customers},
    {"cancelOrder", customers},
    {"verifyOrder", customers},

    {"listOrders", both},
    {"getOrder", both},
    {"searchOrders", both},
    {"findByCustomerIdInOrders", both},
    {"listMyPages", both},
    {"getMyPage", both},
    {"searchMyPages", both},
    {"findByOrderIdInMyPages", both},
    {"findByCustomerIdInMyPages", both},
    {"listPayments", both},
    {"getPayment", both},
    {"searchPayments", both},
    {"findByOrderIdInPayments", both},
    {"listPaymentHistories", both},
    {"getPaymentHistory", both},
    {"searchPaymentHistories", both},
    {"findByOrderIdInPaymentHistories", both},

    {"listCustomers", customer_operators},
    {"getCustomer", customer_operators},
    {"registerCustomer", customer_operators},
    {"replaceCustomer", customer_operators},
    {"updateCustomer", customer_operators},
    {"deleteCustomer", customer_operators},

    {"registerBook", book_managers},
    {"replaceBook", book_managers},
    {"updateBook", book_managers},
    {"deleteBook", book_managers},
    {"listStockInputs", book_managers},
    {"getStockInput", book_managers},
    {"putInStock", book_managers},
    {"listDeliverables", book_managers},
    {"getDeliverable", book_managers},
    {"searchDeliverables", book_managers},
    {"findByOrderIdInDeliverables", book_managers},

    {"listDeliveries", couriers_and_customers},
    {"getDelivery", couriers_and_customers},
    {"searchDeliveries", couriers_and_customers},
    {"findFirstByOrderIdInDeliveries", couriers_and_customers},
    {"replaceDelivery", couriers},
    {"updateDelivery", couriers},

    {"requestPayment", operators},
    {"postRequestPayment", operators},
    {"cancelPayment", operators},
    {"events", operators},
    {"metrics", operators},
    {"makeZombie", operators},
    {"takeBackup", operators},
    {"traceOrder", operators},
    {"board", operators},
    {"modules", operators},
    {"module", operators},
    {"stopModule", operators},
    {"startModule", operators},
    {"parkedEvents", operators},
    {"parkedEvent", operators},
    {"retryParked", operators},
    {"skipParked", operators},
    {"retryAllParked", operators},
    {"skipAllParked", operators},
    {"rebuildMyPage", operators},
    {"cancelRebuildOfMyPage", operators},
    {"getRebuildOfMyPage", operators},
    {"rebuildPaymentHistory", operators},
    {"cancelRebuildOfPaymentHistory", operators},
    {"getRebuildOfPaymentHistory", operators},
    {"healthOfCustomer", operators},
    {"healthOfInventory", operators},
    {"healthOfOrder", operators},
    {"healthOfDelivery", operators},
    {"healthOfPayment", operators},
    {"healthOfPaymentHistory", operators},
    {"healthOfVan", operators},
    {"healthOfRelay", operators},
};

bool is_listed(const std::string& list, std::string_view role) {
    const std::string padded = ", " + list + ",";
    return padded.find(fmt::format(", {},", role)) != std::string::npos;
}

/// How the server answers a request without a body, by the first line and the fields of its answer.
Reply ask(
    std::uint16_t port,
    const DescribedOperation& operation,
    const std::string& path,
    const std::string& token
) {
    RawClient client(port);
    client.send(fmt::format(
        "{} {} HTTP/1.1\r\nHost: localhost\r\n{}X-Requested-With: test\r\nContent-Length: "
        "0\r\nConnection: close\r\n\r\n",
        bookstore::http::name_of(operation.method),
        path,
        token.empty() ? token : "Authorization: Bearer " + token + "\r\n"
    ));
    return client.reply(true);
}

/// A path that is there, or may be, and names no context: nothing is stopped.
std::string path_of(const DescribedOperation& operation) {
    std::string path = operation.path;
    for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{')) {
        path.replace(open, path.find('}') - open + 1, "1");
    }
    return path;
}

/// What was answered to who may not: "401", "403"; or "let in", whatever was wrong otherwise.
std::string outcome(const Reply& reply) {
    return reply.status == 401 || reply.status == 403 ? fmt::to_string(reply.status) : "let in";
}

const std::vector<std::string> roles{
    "customer 1", "customer-operator", "book-manager", "courier", "operator"
};

std::string role_word(const std::string& role) {
    return role.substr(0, role.find(' '));
}

}  // namespace

TEST_CASE(
    "every operation of the description, asked by every role, without a token and by an old one"
) {
    const Tokens tokens;
    Story story(tokens.flags());
    const ApiDescription api(story);
    std::set<std::string> walked;
    for (const DescribedOperation& operation : api.operations()) {
        CAPTURE(operation.id);
        const auto declared = may.find(operation.id);
        REQUIRE_MESSAGE(declared != may.end(), "who may do this? say so in the table");
        walked.insert(operation.id);
        const bool open = declared->second.empty();
        const auto asked = [&](const std::string& token) {
            return ask(story.port(), operation, path_of(operation), token);
        };
        const Reply anonymous = asked({});
        CHECK(outcome(anonymous) == (open ? "let in" : "401"));
        const Reply expired = asked(tokens.token("operator", -60));
        CHECK(outcome(expired) == (open ? "let in" : "401"));
        if (!open) {
            CHECK(anonymous.header("www-authenticate") == "Bearer realm=\"bookstore\"");
            CHECK(
                expired.header("www-authenticate") ==
                "Bearer realm=\"bookstore\", error=\"invalid_token\", error_description=\"it has "
                "expired\""
            );
        }
        for (const std::string& role : roles) {
            CAPTURE(role);
            const bool fits = open || is_listed(declared->second, role_word(role));
            CHECK(outcome(asked(tokens.token(role))) == (fits ? "let in" : "403"));
        }
        // What is described is what is done.
        std::string described;
        for (const auto& role : operation.described.at("x-roles").as_array()) {
            described += (described.empty() ? "" : ", ") + text_of(role);
        }
        CHECK(described == declared->second);
        CHECK(operation.described.at("security").as_array().empty() == open);
        CHECK(operation.declares(401) == !open);
    }
    for (const auto& [id, roles_of_it] : may) {
        CHECK_MESSAGE(walked.contains(id), id);
    }
    CHECK(story.get("/isHealthy").status == 500);  // /makeZombie was done, by the operator
}

TEST_CASE("with a listener of their own, operators' paths are nowhere else, whoever asks") {
    const Tokens tokens;
    Story story(tokens.flags({"--operator-listen", "127.0.0.1:0"}));
    const auto asked = [&](const std::string& target, const std::string& role) {
        return story.get(target, {tokens.header(role)}).status;
    };
    const auto asked_operators = [&](const std::string& target, const std::string& role) {
        const auto url = bookstore::http::parse_url(story.process().operators_url() + target);
        return bookstore::http::fetch(Method::get, url, {}, {tokens.header(role)}).status;
    };
    CHECK(asked("/modules", "operator") == 404);
    CHECK(asked("/modules", "courier") == 404);
    CHECK(asked_operators("/modules", "operator") == 200);
    CHECK(asked_operators("/modules", "courier") == 403);
    CHECK(asked_operators("/deliveries", "courier") == 200);
    CHECK(asked_operators("/console", "courier") == 200);
    CHECK(asked("/deliveries", "courier") == 200);
    CHECK(story.get("/nothing").status == 404);
    CHECK(story.get("/actuator/health", {tokens.header("operator")}).body == R"({"status":"UP"})");
}

TEST_CASE("the pages, which tell nothing, need no token, and a probe tells operators alone why") {
    const Tokens tokens;
    Story story(tokens.flags());
    for (const std::string path : {"/console", "/console/console.js", "/docs", "/docs/docs.js"}) {
        CHECK(story.get(path).status == 200);
    }
    CHECK(story.get("/actuator/health").body == R"({"status":"UP"})");
    CHECK(story.get("/actuator/health", {tokens.header("courier")}).body == R"({"status":"UP"})");
    const auto whole = story.get("/actuator/health", {tokens.header("operator")});
    CHECK(whole.field("components.order.status") == "UP");
    CHECK(whole.header("Cache-Control") == "private");
    CHECK(story.get("/actuator/health", {{"Authorization", "Bearer x"}}).status == 200);
}

TEST_CASE("who may not send a body is told so before it is read") {
    const Tokens tokens;
    Story story(tokens.flags());
    for (const std::string expect : {"", "Expect: 100-continue\r\n"}) {
        RawClient client(story.port());
        client.send(
            "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n" + expect +
            "\r\n"
        );
        const Reply reply = client.reply();
        CHECK(reply.status == 401);
        CHECK(client.is_ended());
    }
    // One that came with its header costs nobody a connection.
    RawClient client(story.port());
    for (int i = 0; i < 2; ++i) {
        client.send("POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
        CHECK(client.reply().status == 401);
    }
    CHECK(story.get("/nothing", {{"Authorization", "Bearer x"}}).status == 404);
    CHECK(story.send(Method::del, "/orders").status == 405);
}

TEST_CASE("the token subcommand makes what the server takes, and says what is missing") {
    const Tokens tokens;
    Story story(tokens.flags({"--auth-roles-claim", "realm_access.roles"}));
    const auto made = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "token");
        words.insert(words.end(), {"--auth-secret-file", tokens.secret_file()});
        return run_bookstore(words);
    };
    const auto status = [&](const std::string& target, std::string token) {
        if (token.ends_with('\n')) {
            token.pop_back();
        }
        return story.get(target, {{"Authorization", "Bearer " + token}}).status;
    };
    const std::string claim = "--auth-roles-claim";
    const auto courier = made({"--role", "courier", claim, "realm_access.roles"});
    REQUIRE(courier.status == 0);
    CHECK(status("/deliveries", courier.out) == 200);
    CHECK(status("/modules", courier.out) == 403);
    const auto several =
        made({"--role", "courier,operator", claim, "realm_access.roles", "--subject", "lee"});
    CHECK(status("/deliveries", several.out) == 200);
    CHECK(status("/modules", several.out) == 200);
    const auto customer =
        made({"--role", "customer", "--customer", "7", claim, "realm_access.roles"});
    CHECK(status("/orders", customer.out) == 200);
    CHECK(status("/deliveries", made({"--role", "courier"}).out) == 403);
    CHECK(made({"--role", "customer"}).error.find("--customer") != std::string::npos);
    CHECK(made({"--role", "courier", "--customer", "7"}).error.find("--role") != std::string::npos);
    CHECK(made({"--role", "admin"}).status == 1);
    CHECK(made({}).status == 1);
    CHECK(made({"--role", "courier", "--ttl", "0s"}).status == 1);
    CHECK(
        run_bookstore({"token", "--role", "courier"}).error.find("--auth-secret-file") !=
        std::string::npos
    );
    CHECK(
        run_bookstore({"token", "--role", "courier", "--auth-secret-file", "/nowhere"})
            .error.find("/nowhere") != std::string::npos
    );
}

TEST_CASE("flags of --auth that do not fit together are refused, with what to add") {
    const Tokens tokens;
    const std::string secret = tokens.secret_file();
    struct Case {
        std::vector<std::string> flags;
        std::string said;
    };
    for (const Case& each : std::vector<Case>{
             {{"--auth", "jwt"}, "add --auth-jwks"},
             {{"--auth", "basic"}, "--auth"},
             {{"--auth-secret-file", secret}, "add --auth jwt"},
             {{"--auth-issuer", "a"}, "add --auth jwt"},
             {{"--auth", "jwt", "--auth-jwks", secret}, "add --auth-issuer and --auth-audience"},
             {{"--auth", "jwt", "--auth-jwks", "a", "--auth-issuer", "b"}, "--auth-audience"},
             {{"--auth", "jwt", "--auth-secret-file", "/nowhere"}, "/nowhere"},
             {{"--auth", "jwt", "--auth-jwks", secret, "--auth-issuer", "a", "--auth-audience", "b"
              },
              "\"keys\""},
             {{"--auth",
               "jwt",
               "--auth-jwks",
               "http://id.example/jwks",
               "--auth-issuer",
               "a",
               "--auth-audience",
               "b"},
              "https"},
             {{"--auth", "jwt", "--auth-secret-file", secret, "--auth-roles-claim", ""},
              "--auth-roles-claim"}
         }) {
        std::vector<std::string> arguments{"serve", "--listen", "127.0.0.1:0", "--data-dir"};
        const TemporaryDirectory directory;
        arguments.push_back(directory.path());
        arguments.insert(arguments.end(), each.flags.begin(), each.flags.end());
        CAPTURE(each.said);
        const auto refused = run_bookstore(arguments);
        CHECK(refused.status == 1);
        CHECK_MESSAGE(refused.error.find(each.said) != std::string::npos, refused.error);
    }
}
