#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <deque>
#include <functional>
#include <iterator>
#include <thread>

#include "api_description.hpp"
#include "held_events.hpp"
#include "json_schema.hpp"
#include "support/context_names.hpp"

// /openapi.json is walked: what it says of every operation is true of the server that says it.

using namespace bookstore::test;

namespace {

namespace json = boost::json;

using Operation = DescribedOperation;

std::string joined(const std::vector<std::string>& lines) {
    return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<std::string> small_bodies() {
    auto flags = quick_van();
    flags.insert(flags.end(), {"--max-body-bytes", "4096"});
    return flags;
}

/// GETs that do something: a HEAD cannot stand for them.
const std::set<std::string> without_head{"/makeZombie", "/requestPayment"};

/// What the methods of a described path allow altogether.
std::set<std::string> allowed(const std::string& path, std::set<std::string> methods) {
    if (methods.contains("GET") && !without_head.contains(path)) {
        methods.insert("HEAD");
    }
    methods.insert("OPTIONS");
    return methods;
}

/// Calls operations with the examples that describe them.
class Walk {
  public:
    Walk(Story& story, const ApiDescription& api) : story_(story), api_(api) {}

    /// It must succeed, and in every media type that it takes and gives; with what `body` makes, in
    /// place of the example's.
    void call(const std::string& id, const std::function<std::string()>& body = {}) {
        CAPTURE(id);
        const Operation& operation = api_.operation(id);
        done_.insert(id);
        for (const std::string& type : types_of_body(operation)) {
            Call call = api_.example_of(operation);
            if (!type.empty()) {
                call.header("Content-Type", type);
            }
            if (body) {
                call.with_body(body());
            }
            succeed(operation, call);
        }
        if (operation.method != Method::get) {
            return;
        }
        for (const std::string& type : operation.types_of(operation.success())) {
            const Call call = api_.example_of(operation).header("Accept", type);
            CHECK(succeed(operation, call).header("Content-Type").starts_with(type));
            if (type == "application/hal+json") {
                const Call plain = api_.example_of(operation).header("Accept", "application/json");
                CHECK(
                    succeed(operation, plain).header("Content-Type").starts_with("application/json")
                );
            }
        }
        if (!without_head.contains(operation.path)) {
            head(operation);
        }
    }

    const std::set<std::string>& done() const { return done_; }

  private:
    static std::vector<std::string> types_of_body(const Operation& operation) {
        std::vector<std::string> types;
        if (operation.body() == nullptr) {
            return {""};
        }
        for (const auto& media : operation.described.at("requestBody").at("content").as_object()) {
            types.emplace_back(media.key());
        }
        return types;
    }

    Answer succeed(const Operation& operation, const Call& call) {
        auto answer = call.send(story_);
        CHECK_MESSAGE(answer.status == operation.success(), call.target() << ' ' << answer.body);
        CHECK(joined(api_.faults(operation, answer)) == "");
        return answer;
    }

    /// HEAD answers as GET, without the body.
    void head(const Operation& operation) {
        Call call = api_.example_of(operation);
        const auto got = call.send(story_);
        call.method = Method::head;
        const auto answer = call.send(story_);
        CHECK(answer.status == got.status);
        CHECK(joined(api_.faults(operation, answer, true)) == "");
        for (const std::string name : {"Content-Type", "Content-Length", "ETag"}) {
            if (operation.id == "metrics" && name == "Content-Length") {
                continue;  // they count these requests too
            }
            CHECK(answer.header(name) == got.header(name));
        }
    }

    Story& story_;
    const ApiDescription& api_;
    std::set<std::string> done_;
};

/// Customer 1, book 1 and order 1, as the examples have them, and the order has come to its end.
void given_examples(Story& story, Walk& walk) {
    walk.call("registerCustomer");
    walk.call("registerBook");
    walk.call("placeOrder");
    REQUIRE(story.becomes("/paymentHistories/1", "payStatus", "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/myPages/1", "payStatus", "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/myPages/1", "orderStatus", "Shipped"));
    REQUIRE(story.order_becomes(1, "Shipped"));
}

/// Order 2 waits for book 2, of which there is none; its delivery waits for the order.
void given_waiting_order(Story& story) {
    story.given_book(0);
    REQUIRE(story.place_order(2, 1) == 2);
    REQUIRE(story.becomes("/deliverables/2", "status", "Stock_Lacked"));
    REQUIRE(story.becomes("/deliveries/2", "deliveryStatus", "CreateDelivery"));
    REQUIRE(story.payment_becomes(2, "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/myPages/2", "payStatus", "PAYMENT_COMPLETED"));
}

/// Order 1 could not be verified before, and is now by the example and a key. Its customer came
/// after the task that verifies had been told that there is none, and has given up.
void verified_by_hand(
    const std::function<void(Story&, const ApiDescription&, const Call& verified)>& then
) {
    Story story;
    const ApiDescription api(story);
    story.given_book(150);
    REQUIRE(story.post("/modules/customer/stop").status == 200);
    const Operation& place = api.operation("placeOrder");
    const auto placed = api.example_of(place).send(story);
    REQUIRE(placed.field("orderStatus") == "Customer_Not_Verified");
    CHECK(joined(api.faults(place, placed)) == "");
    REQUIRE(story.post("/modules/customer/start").status == 200);
    REQUIRE(story.becomes("/modules/customer", "state", "RUNNING"));
    REQUIRE(eventually([&] {
        return story.process().log().find("order 1 stays unverified") != std::string::npos;
    }));
    REQUIRE(story.given_customer() == 1);
    const Operation& verify = api.operation("verifyOrder");
    const Call call = api.example_of(verify).header("Idempotency-Key", "by hand");
    const auto answer = call.send(story);
    CHECK(answer.status == 200);
    CHECK(joined(api.faults(verify, answer)) == "");
    then(story, api, call);
}

/// Begins a rebuild, and cancels it before it has come to its end.
std::vector<std::string> faults_of_canceling(
    Story& story, const ApiDescription& api, const std::string& name
) {
    const Operation& cancel = api.operation("cancelRebuildOf" + name);
    Answer answer;
    const bool canceled = eventually([&] {
        (void)api.example_of(api.operation("rebuild" + name)).send(story);
        answer = api.example_of(cancel).send(story);
        return answer.status == 200;
    });
    return canceled ? api.faults(cancel, answer)
                    : std::vector<std::string>{"it was never canceled: " + answer.body};
}

// ---- refusals

constexpr auto no_such_id = "4000000";

/// The parameter that says of which item the request is.
const DescribedParameter* id_of(const Operation& operation) {
    for (const auto& parameter : operation.parameters) {
        if (parameter.in == "path" || parameter.name.ends_with("Id")) {
            return &parameter;
        }
    }
    return nullptr;
}

/// Something that no parameter or body of the operation may be.
Call malformed(const ApiDescription& api, const Operation& operation) {
    Call call = api.example_of(operation);
    if (operation.body() != nullptr) {
        return call.with_body("{");
    }
    for (const auto& parameter : operation.parameters) {
        const bool text = parameter.schema.as_object().contains("pattern") ||
                          parameter.schema.at("type") != "string";
        if (parameter.schema.at("type") != "array" && text) {
            return call.set(parameter, "\xc3\xa9");
        }
    }
    return call;
}

/// The first request with a key succeeds; the same key with something else is refused.
Answer reused_key(Story& story, const ApiDescription& api, const Operation& operation) {
    static std::atomic<int> used{0};
    Call call = api.example_of(operation).header(
        "Idempotency-Key", fmt::format("reused-{}", used.fetch_add(1))
    );
    // One that is refused is not remembered: a rebuild may be under way still.
    CHECK(eventually([&] { return call.send(story).status == operation.success(); }));
    if (const auto* amount = operation.parameter("payment")) {
        return call.set(*amount, "2000").send(story);
    }
    return call.with_body(R"({"other":"body"})").send(story);
}

/// Copies of a request at the same time: while the first runs, the others are refused.
Answer at_once(Story& story, const ApiDescription& api, const Operation& operation) {
    Answer refused;
    int attempts = 0;
    eventually([&] {
        const Call call = api.example_of(operation).header(
            "Idempotency-Key", fmt::format("at-once-{}", ++attempts)
        );
        std::vector<Answer> answers(16);
        {
            std::vector<std::jthread> clients;
            for (Answer& answer : answers) {
                clients.emplace_back([&] { answer = call.send(story); });
            }
        }
        for (Answer& answer : answers) {
            if (answer.status == 409) {
                refused = std::move(answer);
            }
        }
        return refused.status == 409;
    });
    return refused;
}

/// Order 1 is shipped; order 2 waits (given_waiting_order); an event waits (given_held_events).
Answer conflict(Story& story, const ApiDescription& api, const Operation& operation) {
    static const std::map<std::string, std::string> ids{
        {"cancelOrder", "1"},
        {"verifyOrder", "1"},
        {"retryParked", "payment-history-2"},
        {"deleteBook", "2"},
        {"replaceDelivery", "2"},
        {"updateDelivery", "2"}
    };
    if (operation.id == "takeBackup") {
        return api.example_of(operation).with_body(R"({"directory":"/"})").send(story);
    }
    if (operation.id == "events") {
        return api.example_of(operation).header("Last-Event-ID", no_such_id).send(story);
    }
    if (operation.id.starts_with("cancelRebuildOf")) {
        Answer answer;  // one that another refusal asked for may be under way still
        eventually([&] { return (answer = api.example_of(operation).send(story)).status == 409; });
        return answer;
    }
    const auto id = ids.find(operation.id);
    return id == ids.end()
               ? at_once(story, api, operation)
               : api.example_of(operation).set(*id_of(operation), id->second).send(story);
}

/// What a client can do to be refused with that status.
Answer provoked(Story& story, const ApiDescription& api, const Operation& operation, int status) {
    Call call = api.example_of(operation);
    switch (status) {
        case 304:
            return call.header("If-None-Match", call.send(story).header("ETag")).send(story);
        case 400:
            return malformed(api, operation).send(story);
        case 403:
            return call.header("Origin", "http://elsewhere.example").send(story);
        case 404:
            return call.set(*id_of(operation), no_such_id).send(story);
        case 406:
            return call.header("Accept", "image/png").send(story);
        case 409:
            return conflict(story, api, operation);
        case 412:
            return call.header("If-Match", "\"0\"").send(story);
        case 413:
            return call.with_body(call.body + std::string(4096, ' ')).send(story);
        case 415:
            return call.header("Content-Type", "text/plain").send(story);
        case 422:
            return reused_key(story, api, operation);
        default:
            return {};
    }
}

/// Refusals that other test cases provoke, or nobody can from outside.
bool provoked_elsewhere(const Operation& operation, int status) {
    const bool by_verifying = operation.id == "verifyOrder" && status == 422;
    return status == 503     // a context is stopped, the process ends
           || status == 507  // the disk is full
           || status == 500  // /isHealthy, of a zombie
           || status == 410  // the log's beginning was removed
           || by_verifying;  // needs an order that is unverified
}

std::vector<int> refusals_of(const Operation& operation) {
    std::vector<int> statuses;
    for (const auto& response : operation.described.at("responses").as_object()) {
        if (response.key() != "default" && !response.key().starts_with('2')) {
            statuses.push_back(std::stoi(std::string(response.key())));
        }
    }
    return statuses;
}

/// What is wrong with a refusal of that status; empty when nothing is.
std::string refusal_fault(
    const ApiDescription& api, const Operation& operation, int status, const Answer& answer
) {
    if (answer.status != status) {
        return fmt::format("it is {}: {}", answer.status, answer.body);
    }
    auto faults = api.faults(operation, answer);
    if (status >= 400) {
        faults.push_back(error_fault(answer, status, answer.field("path")));
    }
    std::erase(faults, "");
    return joined(faults);
}

// ---- links

/// Every href below that value.
void collect_links(const json::value& value, std::vector<std::string>& links) {
    if (const auto* array = value.if_array()) {
        for (const auto& each : *array) {
            collect_links(each, links);
        }
    } else if (const auto* object = value.if_object()) {
        for (const auto& member : *object) {
            if (member.key() == "href") {
                links.emplace_back(member.value().as_string());
            } else {
                collect_links(member.value(), links);
            }
        }
    }
}

/// Follows every link from / on.
class Crawl {
  public:
    Crawl(Story& story, const ApiDescription& api) : story_(story), api_(api) {}

    void run() {
        follow(story_.process().url() + "/");
        while (!targets_.empty()) {
            const std::string target = targets_.front();
            targets_.pop_front();
            CAPTURE(target);
            const auto answer = story_.get(target);
            CHECK_MESSAGE(answer.status == 200, answer.body);
            std::vector<std::string> links;
            collect_links(answer.json(), links);
            for (const std::string& link : links) {
                follow(link);
            }
        }
    }

    /// The described paths that were read.
    const std::set<std::string>& paths() const { return paths_; }

  private:
    void follow(const std::string& link) {
        const std::string origin = story_.process().url();
        if (link.starts_with('#')) {
            return;  // inside of the document
        }
        CAPTURE(link);
        REQUIRE(link.starts_with(origin + "/"));
        const std::string target = link.substr(origin.size());
        const std::string path = api_.path_of(target.substr(0, target.find_first_of("?{")));
        CHECK(path != "");
        const auto open = target.find("{?");
        const bool readable = path != "" && api_.paths().at(path).contains("GET");
        if (!readable || !seen_.insert(target).second) {
            return;
        }
        paths_.insert(path);
        if (open == std::string::npos) {
            targets_.push_back(target);
            return;
        }
        const Operation& operation = getter_of(path);
        const std::string names = target.substr(open + 2, target.size() - open - 3);
        for (const std::string& name : names_in(names)) {
            CHECK_MESSAGE(operation.parameter(name) != nullptr, name << " is not described");
        }
        targets_.push_back(api_.example_of(operation).target());
    }

    const Operation& getter_of(const std::string& path) const {
        return *std::ranges::find_if(api_.operations(), [&](const Operation& operation) {
            return operation.path == path && operation.method == Method::get;
        });
    }

    Story& story_;
    const ApiDescription& api_;
    std::set<std::string> seen_;
    std::set<std::string> paths_;
    std::deque<std::string> targets_;
};

void collect_references(const json::value& value, std::vector<std::string>& references) {
    if (const auto* array = value.if_array()) {
        for (const auto& each : *array) {
            collect_references(each, references);
        }
    } else if (const auto* object = value.if_object()) {
        for (const auto& member : *object) {
            if (member.key() == "$ref") {
                references.emplace_back(member.value().as_string());
            }
            collect_references(member.value(), references);
        }
    }
}

}  // namespace

TEST_CASE("openapi: the description agrees with itself") {
    Story story;
    const ApiDescription api(story);
    const auto& document = api.document();
    CHECK(document.at("openapi").as_string().starts_with("3.1."));

    std::set<std::string> tags;
    for (const auto& tag : document.at("tags").as_array()) {
        CHECK(tags.insert(std::string(tag.at("name").as_string())).second);
    }
    std::set<std::string> ids;
    for (const Operation& operation : api.operations()) {
        CAPTURE(operation.id);
        CHECK(ids.insert(operation.id).second);
        CHECK(!operation.described.at("summary").as_string().empty());
        for (const auto& tag : operation.described.at("tags").as_array()) {
            CHECK(tags.contains(std::string(tag.as_string())));
        }
        CHECK(operation.declares(operation.success()));
    }
    std::vector<std::string> references;
    collect_references(document, references);
    CHECK(references.size() > 100);
    for (const std::string& reference : references) {
        CHECK_NOTHROW(resolved(document, reference));
    }
}

TEST_CASE("openapi: the examples fit their schemas, and nothing that is required lacks one") {
    Story story;
    const ApiDescription api(story);
    for (const Operation& operation : api.operations()) {
        CAPTURE(operation.id);
        std::set<std::string> in_path;
        for (const auto& parameter : operation.parameters) {
            CAPTURE(parameter.name);
            CHECK((parameter.example || !parameter.required));
            if (parameter.example) {
                CHECK(joined(api.schema_faults_of(parameter.schema, *parameter.example)) == "");
            }
            if (parameter.in == "path") {
                CHECK(parameter.required);
                CHECK(operation.path.find("{" + parameter.name + "}") != std::string::npos);
                in_path.insert(parameter.name);
            }
        }
        CHECK(std::ranges::count(operation.path, '{') == static_cast<int>(in_path.size()));
        if (const auto* body = operation.body()) {
            CHECK(joined(api.schema_faults_of(body->at("schema"), body->at("example"))) == "");
        }
    }
    for (const auto& schema : api.document().at("components").at("schemas").as_object()) {
        if (const auto* examples = schema.value().as_object().if_contains("examples")) {
            CHECK(joined(api.schema_faults_of(schema.value(), examples->as_array()[0])) == "");
        }
    }
}

TEST_CASE("openapi: every operation, called with its example, answers as it is described") {
    std::set<std::string> done;
    std::set<std::string> described;
    {
        Story story;
        given_held_events(story, small_bodies());
        const ApiDescription api(story);
        Walk walk(story, api);
        given_examples(story, walk);
        walk.call("putInStock");
        for (const Operation& operation : api.operations()) {
            described.insert(operation.id);
            if (operation.method == Method::get && operation.id != "makeZombie") {
                walk.call(operation.id);
            }
        }
        for (const std::string id :
             {"replaceCustomer",
              "updateCustomer",
              "replaceBook",
              "updateBook",
              "replaceDelivery",
              "updateDelivery",
              "postRequestPayment",
              "cancelPayment",
              "rebuildMyPage",
              "rebuildPaymentHistory",
              "deleteBook",
              "deleteCustomer",
              "retryParked",
              "skipParked",
              "retryAllParked",
              "skipAllParked",
              "stopModule",
              "startModule",
              "makeZombie"}) {
            walk.call(id);
        }
        const TemporaryDirectory backups;
        int taken = 0;
        walk.call("takeBackup", [&] {
            return fmt::format(R"({{"directory":"{}/{}"}})", backups.path(), ++taken);
        });
        done = walk.done();
        for (const std::string name : {"MyPage", "PaymentHistory"}) {
            CHECK(joined(faults_of_canceling(story, api, name)) == "");
            done.insert("cancelRebuildOf" + name);
        }
        const auto unhealthy = story.get("/isHealthy");
        CHECK(refusal_fault(api, api.operation("isHealthy"), 500, unhealthy) == "");
    }
    {
        Story story;
        const ApiDescription api(story);
        Walk walk(story, api);
        story.given_customer();
        story.given_book(0);
        walk.call("placeOrder");
        walk.call("cancelOrder");
        done.insert("cancelOrder");
    }
    const auto then = [&](Story& story, const ApiDescription& api, Call call) {
        done.insert("verifyOrder");
        CHECK(call.send(story).status == 200);  // the same key again
        const auto other = call.with_body(R"({"other":"body"})").send(story);
        CHECK(refusal_fault(api, api.operation("verifyOrder"), 422, other) == "");
    };
    verified_by_hand(then);
    CHECK(done == described);
}

TEST_CASE("openapi: every refusal that is described can be provoked, and has the error body") {
    Story story;
    given_held_events(story, small_bodies());
    const ApiDescription api(story);
    Walk walk(story, api);
    given_examples(story, walk);
    given_waiting_order(story);
    walk.call("putInStock");

    int refusals = 0;
    for (const Operation& operation : api.operations()) {
        CAPTURE(operation.id);
        for (const int status : refusals_of(operation)) {
            CAPTURE(status);
            if (!provoked_elsewhere(operation, status)) {
                const auto answer = provoked(story, api, operation, status);
                CHECK(refusal_fault(api, operation, status, answer) == "");
                ++refusals;
            }
        }
    }
    CHECK(refusals > 150);
}

TEST_CASE("openapi: a client of /events that resumes at the end is answered as described") {
    Story story;
    story.given_customer();
    const ApiDescription api(story);
    const Operation& events = api.operation("events");
    std::string end;
    REQUIRE(eventually([&] {
        end = api.example_of(events).send(story).header("Log-End");
        return end != "0";
    }));
    const auto answer = api.example_of(events).header("Last-Event-ID", end).send(story);
    CHECK(answer.status == 204);
    CHECK(joined(api.faults(events, answer)) == "");
    CHECK(events.declares(410));
}

TEST_CASE("openapi: a context that rests answers 503 as described, everywhere") {
    auto flags = quick_van();
    flags.insert(flags.end(), {"--stopped", fmt::format("{}", fmt::join(context_names, ","))});
    Story story;
    given_held_events(story);
    (void)story.place_order(story.given_book(1), story.given_customer(), 1);
    story.restart(flags);
    const ApiDescription api(story);
    // Of the process: they say 503 when it ends, or when a disk is broken.
    const auto of_process = [](const std::string& id) {
        return id == "isReady" || id.starts_with("health");
    };
    for (const Operation& operation : api.operations()) {
        CAPTURE(operation.id);
        if (operation.id == "takeBackup") {
            continue;  // it is the process's, and its example is no directory of this machine
        }
        const auto answer = api.example_of(operation).send(story);
        if (operation.declares(503) && !of_process(operation.id)) {
            CHECK(refusal_fault(api, operation, 503, answer) == "");
        } else {
            CHECK(answer.status == operation.success());
        }
    }
}

TEST_CASE("openapi: a process that ends is not ready, as described") {
    Story story({"--drain-delay", "60000"});
    const ApiDescription api(story);
    story.process().signal(SIGTERM);
    Answer answer;
    CHECK(eventually([&] { return (answer = story.get("/isReady")).status != 200; }));
    CHECK(refusal_fault(api, api.operation("isReady"), 503, answer) == "");
    story.process().kill();
}

TEST_CASE("openapi: a path allows the methods that are described, and no other") {
    Story story;
    const ApiDescription api(story);
    const std::map<std::string, Method> methods{
        {"GET", Method::get},
        {"HEAD", Method::head},
        {"POST", Method::post},
        {"PUT", Method::put},
        {"PATCH", Method::patch},
        {"DELETE", Method::del}
    };
    for (const auto& [pattern, described] : api.paths()) {
        CAPTURE(pattern);
        std::string path = pattern;
        if (const auto open = path.find('{'); open != std::string::npos) {
            path.replace(open, path.find('}') + 1 - open, "1");
        }
        const auto expected = allowed(pattern, described);
        const auto options = story.send(Method::options, path);
        CHECK(options.status == 204);
        CHECK(names_in(options.header("Allow")) == expected);
        CHECK(options.header("Accept-Patch").empty() == !expected.contains("PATCH"));
        for (const auto& [name, method] : methods) {
            if (expected.contains(name)) {
                continue;
            }
            CAPTURE(name);
            const auto answer = story.send(method, path);
            CHECK(answer.status == 405);
            CHECK(names_in(answer.header("Allow")) == expected);
            if (method != Method::head) {
                CHECK(error_fault(answer, 405, path) == "");
            }
        }
    }
}

TEST_CASE("openapi: every link from the index on leads to a path that is described") {
    Story story(quick_van());
    const ApiDescription api(story);
    Walk walk(story, api);
    given_examples(story, walk);
    walk.call("putInStock");
    given_waiting_order(story);
    Crawl crawl(story, api);
    crawl.run();
    // What has a GET and is linked from nowhere.
    std::set<std::string> apart;
    for (const auto& [path, methods] : api.paths()) {
        if (methods.contains("GET") && !crawl.paths().contains(path)) {
            apart.insert(path);
        }
    }
    CHECK(
        apart ==
        std::set<std::string>{
            "/actuator/health",
            "/actuator/health/customer",
            "/actuator/health/delivery",
            "/actuator/health/inventory",
            "/actuator/health/order",
            "/actuator/health/payment",
            "/actuator/health/payment_history",
            "/actuator/health/relay",
            "/actuator/health/van",
            "/asyncapi.json",
            "/board",
            "/events",
            "/isHealthy",
            "/isReady",
            "/makeZombie",
            "/metrics",
            "/modules",
            "/modules/{name}",
            "/openapi.json",
            "/parked",
            "/parked/{id}",
            "/rebuilds/my-page",
            "/rebuilds/payment-history",
            "/requestPayment",
            "/trace/orders/{id}"
        }
    );
}
