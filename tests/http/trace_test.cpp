#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <regex>
#include <set>

#include "story.hpp"
#include "support/sqlite_reader.hpp"

using namespace bookstore::test;
using bookstore::http::Header;

namespace {

const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
const std::string traceparent = "00-" + trace_id + "-b7ad6b7169203331-01";
const std::string other_id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string other_parent = "00-" + other_id + "-00f067aa0ba902b7-00";

const std::vector<std::string> debug{"--log-level", "debug"};

std::vector<std::string> with(std::vector<std::string> flags, std::vector<std::string> more) {
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
}

Answer order_traced(
    Story& story,
    std::int64_t book,
    std::int64_t customer,
    const std::string& parent,
    std::int64_t quantity = 1
) {
    const std::string body = fmt::format(
        R"({{"bookId":{},"customerId":{},"quantity":{},"deliveryAddress":"busan si",)"
        R"("payAmount":1000.0,"payType":"ONCE"}})",
        book,
        customer,
        quantity
    );
    std::vector<Header> headers{{"Content-Type", "application/json"}};
    if (!parent.empty()) {
        headers.push_back({"traceparent", parent});
    }
    return story.send(Method::post, "/orders", body, headers);
}

/// The trace id of an answer's traceresponse; empty when that is malformed.
std::string answered_id(const Answer& answer) {
    const std::string text = answer.header("traceresponse");
    const std::regex form("00-([0-9a-f]{32})-([0-9a-f]{16})-00");
    std::smatch parts;
    return std::regex_match(text, parts, form) && parts[2] != std::string(16, '0') ? parts[1].str()
                                                                                   : std::string();
}

/// The lines of the log that say all of these.
std::size_t lines_with(const std::string& log, const std::vector<std::string>& words) {
    std::size_t count = 0;
    for (std::size_t begin = 0; begin < log.size();) {
        const std::size_t end = std::min(log.find('\n', begin), log.size());
        const std::string line = log.substr(begin, end - begin);
        count += std::ranges::all_of(words, [&](const std::string& word) {
            return line.find(word) != std::string::npos;
        });
        begin = end + 1;
    }
    return count;
}

bool logs(Story& story, const std::vector<std::string>& words) {
    return eventually([&] { return lines_with(story.process().log(), words) > 0; });
}

struct Step {
    std::int64_t at_ms;
    std::string kind, context, name, detail, trace;
};

/// The timeline's entries.
std::vector<Step> steps_of(Story& story, std::int64_t order) {
    const auto answer = story.get(fmt::format("/trace/orders/{}", order));
    REQUIRE(answer.status == 200);
    std::vector<Step> steps;
    const auto body = answer.json();
    for (const auto& value : body.at("entries").as_array()) {
        const auto& entry = value.as_object();
        steps.push_back(
            {.at_ms = entry.at("at_ms").as_int64(),
             .kind = text_of(entry.at("kind")),
             .context = text_of(entry.at("context")),
             .name = text_of(entry.at("name")),
             .detail = text_of(entry.at("detail")),
             .trace = text_of(entry.at("trace_id"))}
        );
    }
    return steps;
}

std::string told(const std::vector<Step>& steps) {
    std::string text;
    for (const Step& step : steps) {
        text += fmt::format(
            "{} {} {} {} [{}] {}\n",
            step.at_ms,
            step.kind,
            step.context,
            step.name,
            step.detail,
            step.trace
        );
    }
    return text;
}

/// Where the step of that kind and name stands, whose detail begins so; behind the end when it is
/// not there.
std::size_t place_of(
    const std::vector<Step>& steps,
    const std::string& kind,
    const std::string& name,
    const std::string& detail = {}
) {
    const auto found = std::ranges::find_if(steps, [&](const Step& step) {
        return step.kind == kind && step.name == name && step.detail.starts_with(detail);
    });
    return static_cast<std::size_t>(found - steps.begin());
}

/// What is wrong with the numbers of a timeline; empty when nothing is.
std::string number_fault(Story& story, std::int64_t order) {
    const auto body = story.get(fmt::format("/trace/orders/{}", order)).json();
    std::int64_t before = body.at("start_ms").as_int64();
    const std::int64_t start = before;
    for (const auto& value : body.at("entries").as_array()) {
        const auto& entry = value.as_object();
        const std::int64_t at = entry.at("at_ms").as_int64();
        const bool fits = at >= before && entry.at("gap_ms") == at - before &&
                          entry.at("since_start_ms") == at - start &&
                          (entry.at("took_ms").is_null() || entry.at("took_ms").as_int64() >= 0);
        if (!fits) {
            return boost::json::serialize(value);
        }
        before = at;
    }
    return body.at("lasted_ms") == before - start ? std::string() : "lasted_ms";
}

void check_order(
    const std::vector<Step>& steps, const std::vector<std::pair<std::string, std::string>>& wanted
) {
    std::size_t before = 0;
    for (const auto& [kind, name] : wanted) {
        const std::size_t place = place_of(steps, kind, name);
        CHECK_MESSAGE(place < steps.size(), kind, " ", name, "\n", told(steps));
        CHECK_MESSAGE(place >= before, kind, " ", name, "\n", told(steps));
        before = place;
    }
}

/// Of the only order of a story.
bool settled(Story& story, std::int64_t order) {
    return story.order_becomes(order, "Shipped") &&
           story.payment_becomes(order, "PAYMENT_COMPLETED") &&
           story.becomes(fmt::format("/myPages/{}", order), "payStatus", "PAYMENT_COMPLETED");
}

/// The trace of every event of that key in the topic's file, and how many there are.
std::multiset<std::string> stored_traces(Story& story, const std::string& key) {
    std::multiset<std::string> traces;
    Sqlite topic(story.data_dir() + "/topic.db");
    topic.rows("SELECT trace FROM event WHERE key = '" + key + "'", [&](const Sqlite::Row& row) {
        traces.insert(row.text(0));
    });
    return traces;
}

}  // namespace

TEST_CASE("a traceparent goes with every event, and stands in the log line of every handler") {
    Story story(with(quick_van(), debug));
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    const auto answer = order_traced(story, book, customer, traceparent);
    REQUIRE(answer.status == 201);
    CHECK(answered_id(answer) == trace_id);
    REQUIRE(settled(story, answer.id()));

    const std::string trace = "trace=" + trace_id;
    CHECK(logs(story, {"POST /orders 201", trace}));
    const std::vector<std::pair<std::string, std::string>> handled{
        {"inventory", "Ordered"},
        {"delivery", "Ordered"},
        {"payment", "Ordered"},
        {"my-page", "Ordered"},
        {"order", "DeliveryPrepared"},
        {"delivery", "DeliveryPrepared"},
        {"order", "DeliveryStatusChanged"},
        {"my-page", "DeliveryStatusChanged"},
        {"payment-history", "Payed"},
        {"my-page", "Payed"}
    };
    for (const auto& [subscription, event] : handled) {
        CHECK_MESSAGE(
            logs(story, {subscription + " handled " + event, "order=1", "event=" + event, trace}),
            subscription,
            " ",
            event
        );
    }
    CHECK(logs(story, {"task ask-van", "PAYMENT_COMPLETED", "order=1", "task=ask-van", trace}));
    const auto stored = stored_traces(story, "order-1");
    CHECK(stored.size() == 4);
    CHECK(stored.count(traceparent) == stored.size());
    CHECK(story.ends_with() == "");
}

TEST_CASE("JSON lines have trace, order and event as fields") {
    Story story(with(debug, {"--log-format", "json"}));
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(settled(story, order));
    story.stop();
    int requests = 0;
    int handlers = 0;
    int tasks = 0;
    const std::string log = story.process().log();
    for (std::size_t begin = 0; begin < log.size();) {
        const std::size_t end = std::min(log.find('\n', begin), log.size());
        boost::json::error_code error;
        const auto value = boost::json::parse(log.substr(begin, end - begin), error);
        REQUIRE_MESSAGE(!error, log.substr(begin, end - begin));
        begin = end + 1;
        const auto& line = value.as_object();
        const auto* trace = line.if_contains("trace");
        if (trace == nullptr || text_of(*trace) != trace_id) {
            continue;
        }
        requests += line.contains("method") && line.at("path") == "/orders";
        handlers +=
            line.contains("event") && line.at("event") == "Ordered" && line.at("order") == order;
        tasks += line.contains("task") && line.at("order") == order;
    }
    CHECK(requests == 1);
    CHECK(handlers == 4);
    CHECK(tasks == 1);
}

TEST_CASE("a malformed traceparent is ignored, and the request gets a trace of its own") {
    Story story(debug);
    const auto customer = story.given_customer();
    const auto book = story.given_book(100);
    std::set<std::string> ids;
    const std::vector<std::string> malformed{
        "",
        "nonsense",
        "00-" + trace_id + "-b7ad6b7169203331",
        "ff-" + trace_id + "-b7ad6b7169203331-01",
        "00-" + trace_id + "-b7ad6b7169203331-01-more",
        "00-" + std::string(32, '0') + "-b7ad6b7169203331-01",
        "00-" + trace_id + "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"
    };
    for (const std::string& text : malformed) {
        CAPTURE(text);
        const auto answer = order_traced(story, book, customer, text);
        REQUIRE(answer.status == 201);
        const std::string id = answered_id(answer);
        CHECK(!id.empty());
        CHECK(id != trace_id);
        CHECK(ids.insert(id).second);
        CHECK(logs(story, {"inventory handled Ordered", "trace=" + id}));
        CHECK(logs(story, {"POST /orders 201", "trace=" + id}));
    }
    const auto twice = story.send(
        Method::post,
        "/customers",
        R"({"customerName":"Lee"})",
        {{"Content-Type", "application/json"},
         {"traceparent", traceparent},
         {"traceparent", other_parent}}
    );
    CHECK(ids.insert(answered_id(twice)).second);
    CHECK(!ids.contains(trace_id));
}

TEST_CASE("a later version of the header is understood as far as this one goes") {
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(100);
    const auto answer =
        order_traced(story, book, customer, "cc" + traceparent.substr(2) + "-what-comes-later");
    CHECK(answered_id(answer) == trace_id);
    REQUIRE(settled(story, answer.id()));
    CHECK(stored_traces(story, "order-1").count(traceparent) == 4);
}

TEST_CASE("a read has a trace only when it brings one") {
    Story story;
    story.given_customer();
    CHECK(story.get("/customers/1").header("traceresponse").empty());
    CHECK(answered_id(story.get("/customers/1", {{"traceparent", traceparent}})) == trace_id);
    CHECK(logs(story, {"GET /customers/1 200", "trace=" + trace_id}));
}

TEST_CASE("the trace outlives a kill") {
    Story story(with(debug, {"--stopped", "delivery,payment"}));
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(story.order_becomes(order, "Delivery_Prepared"));
    story.process().kill();
    story.start(debug);
    REQUIRE(settled(story, order));
    const std::string trace = "trace=" + trace_id;
    CHECK(logs(story, {"delivery handled Ordered", trace}));
    CHECK(logs(story, {"task ask-van", "PAYMENT_COMPLETED", trace}));
    CHECK(logs(story, {"payment-history handled Payed", trace}));
    CHECK(story.ends_with() == "");
}

TEST_CASE("an order that is verified later keeps its trace, and its timeline has the attempts") {
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    story.restart(with(debug, {"--stopped", "customer"}));
    const auto placed = order_traced(story, book, customer, traceparent);
    CHECK(placed.field("orderStatus") == "Customer_Not_Verified");
    const auto order = placed.id();
    REQUIRE(logs(story, {"task verify-order", "no answer", "trace=" + trace_id}));
    auto steps = steps_of(story, order);
    CHECK_MESSAGE(place_of(steps, "request", "POST /orders") == 0, told(steps));
    CHECK_MESSAGE(place_of(steps, "task", "verify-order", "no answer") == 1, told(steps));
    const auto answer = story.get(fmt::format("/trace/orders/{}", order));
    const auto waiting = answer.json().at("waiting").as_array();
    REQUIRE(waiting.size() == 1);
    CHECK(waiting[0].at("name") == "verify-order");
    CHECK(waiting[0].at("next_try_ms").is_int64());

    story.process().kill();
    story.start(debug);
    REQUIRE(settled(story, order));
    CHECK(logs(story, {"task verify-order", "ORDERED", "trace=" + trace_id}));
    CHECK(stored_traces(story, "order-1").count(traceparent) == 4);
    steps = steps_of(story, order);
    CHECK(number_fault(story, order) == "");
    check_order(
        steps,
        {{"request", "POST /orders"},
         {"task", "verify-order"},
         {"event", "Ordered"},
         {"handler", "payment handled Ordered"},
         {"task", "ask-van"},
         {"event", "Payed"}}
    );
    CHECK_MESSAGE(steps[0].detail.starts_with("known from"), told(steps));
}

TEST_CASE("the cancel of an order that was never ordered is in its timeline") {
    Story story({"--stopped", "inventory"});
    const auto customer = story.given_customer();
    const auto placed = order_traced(story, 1, customer, traceparent);
    CHECK(placed.field("orderStatus") == "Book_Not_Verified");
    const auto canceled = story.send(
        Method::del, fmt::format("/orders/{}", placed.id()), {}, {{"traceparent", other_parent}}
    );
    CHECK(answered_id(canceled) == other_id);
    const auto check = [&] {
        const auto steps = steps_of(story, placed.id());
        REQUIRE_MESSAGE(steps.size() >= 2, told(steps));
        CHECK(steps.front().name == "POST /orders");
        CHECK(steps.front().trace == trace_id);
        CHECK(steps.back().name == "DELETE /orders/1");
        CHECK(steps.back().trace == other_id);
    };
    check();
    story.restart();
    check();
}

TEST_CASE("a held event keeps its trace over retries and a restart") {
    Story story(debug);
    const auto customer = story.given_customer();
    const auto book = story.given_book(0);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    REQUIRE(logs(story, {"delivery handled Ordered", "trace=" + trace_id}));
    story.stop();
    {  // what the handler needs is not there: it fails until it is there again
        Sqlite delivery(story.data_dir() + "/delivery.db", Sqlite::Mode::write);
        delivery.run("UPDATE delivery SET order_id = 1001");
    }
    story.start(debug);
    REQUIRE(
        story
            .send(
                Method::post,
                "/stockInputs",
                fmt::format(R"({{"bookId":{},"quantity":5}})", book),
                {{"Content-Type", "application/json"}, {"traceparent", other_parent}}
            )
            .status == 201
    );
    const std::string trace = "trace=" + other_id;
    CHECK(logs(story, {"delivery could not handle DeliveryPrepared", "it is held", trace}));
    CHECK(logs(story, {"delivery could not handle DeliveryPrepared", "attempt 2", trace}));
    auto steps = steps_of(story, order);
    CHECK(eventually([&] {  // the line is logged before what it tells is committed
        steps = steps_of(story, order);
        return place_of(steps, "handler", "delivery could not handle DeliveryPrepared") <
               steps.size();
    }));
    check_order(
        steps,
        {{"request", "POST /stockInputs"},
         {"event", "DeliveryPrepared"},
         {"handler", "delivery held DeliveryPrepared"},
         {"handler", "delivery could not handle DeliveryPrepared"}}
    );
    boost::json::array waiting;
    REQUIRE(eventually([&] {  // those who handle OrderCanceled may wait a moment longer
        waiting = story.get("/trace/orders/1").json().at("waiting").as_array();
        return waiting.size() == 1;
    }));
    CHECK(waiting[0].at("context") == "delivery");
    CHECK(text_of(waiting[0].at("detail")).find("there is no delivery") != std::string::npos);
    story.stop();
    {
        Sqlite delivery(story.data_dir() + "/delivery.db", Sqlite::Mode::write);
        delivery.run("UPDATE delivery SET order_id = 1");
    }
    story.start(debug);
    REQUIRE(settled(story, order));
    CHECK(logs(story, {"delivery handled DeliveryPrepared", "which was held", "order=1", trace}));
    CHECK(logs(story, {"order handled DeliveryStatusChanged", trace}));
    steps = steps_of(story, order);
    check_order(
        steps,
        {{"event", "DeliveryPrepared"},
         {"handler", "delivery handled DeliveryPrepared"},
         {"event", "DeliveryStatusChanged"}}
    );
    CHECK(story.ends_with() == "");
}

TEST_CASE("the timeline tells a whole story in causal order, whatever the clock's grain") {
    Story story(quick_van());
    const auto customer = story.given_customer();
    const auto book = story.given_book(0);
    const auto order = order_traced(story, book, customer, traceparent, 3).id();
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    REQUIRE(story.becomes("/deliverables/search/findByOrderId?orderId=1", "status", "Stock_Lacked")
    );
    REQUIRE(eventually([&] {  // nothing else is under way
        const auto steps = steps_of(story, order);
        return place_of(steps, "handler", "payment-history handled Payed") < steps.size() &&
               place_of(steps, "handler", "my-page handled Payed") < steps.size();
    }));
    story.put_in_stock(book, 5);
    REQUIRE(settled(story, order));
    const auto moved = story.send(
        Method::patch,
        "/deliveries/1",
        R"({"deliveryStatus":"Delivered"})",
        {{"Content-Type", "application/merge-patch+json"}}
    );
    REQUIRE(moved.status == 200);
    REQUIRE(story.order_becomes(order, "Delivered"));
    REQUIRE(story.becomes("/myPages/1", "deliveryStatus", "Delivered"));

    // Ordered: 4; Payed: 2; DeliveryPrepared: 3; DeliveryStatusChanged: 2 each
    const auto handlers = [&] {
        const auto steps = steps_of(story, order);
        return std::ranges::count(steps, "handler", &Step::kind);
    };
    REQUIRE(eventually([&] { return handlers() >= 13; }));
    const auto steps = steps_of(story, order);
    CHECK(number_fault(story, order) == "");
    check_order(
        steps,
        {{"request", "POST /orders"},
         {"event", "Ordered"},
         {"handler", "payment handled Ordered"},
         {"task", "ask-van"},
         {"event", "Payed"},
         {"handler", "payment-history handled Payed"},
         {"request", "POST /stockInputs"},
         {"event", "DeliveryPrepared"},
         {"handler", "delivery handled DeliveryPrepared"},
         {"event", "DeliveryStatusChanged"},
         {"handler", "order handled DeliveryStatusChanged"},
         {"request", "PATCH /deliveries/1"}}
    );
    const auto count = [&](const std::string& kind) {
        return std::ranges::count(steps, kind, &Step::kind);
    };
    CHECK_MESSAGE(count("request") == 3, told(steps));
    CHECK_MESSAGE(count("event") == 5, told(steps));
    CHECK_MESSAGE(count("handler") == 13, told(steps));
    CHECK_MESSAGE(count("task") == 1, told(steps));
    const auto answer = story.get("/trace/orders/1");
    CHECK(answer.field("complete") == "true");
    CHECK(answer.field("waiting") == "[]");
    CHECK(answer.field("orderStatus") == "Delivered");
    CHECK(answer.field("_links.self.href") == story.process().url() + "/trace/orders/1");
    CHECK(answer.field("_links.order.href") == story.process().url() + "/orders/1");
    CHECK(answer.header("Content-Type") == "application/hal+json;charset=UTF-8");
}

TEST_CASE("after a restart the timeline has requests and events, and says what it lacks") {
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(0);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    story.put_in_stock(book, 5);
    REQUIRE(settled(story, order));
    story.patch("/deliveries/1", R"({"deliveryStatus":"InTransit"})");
    REQUIRE(story.order_becomes(order, "InTransit"));
    REQUIRE(story.becomes("/myPages/1", "deliveryStatus", "InTransit"));
    const auto events_before = stored_traces(story, "order-1").size();
    story.process().kill();
    story.start();
    const auto steps = steps_of(story, order);
    CHECK(number_fault(story, order) == "");
    check_order(
        steps,
        {{"request", "POST /orders"},
         {"event", "Ordered"},
         {"request", fmt::format("POST /stockInputs, or PATCH or PUT /books/{}", book)},
         {"event", "DeliveryPrepared"},
         {"event", "DeliveryStatusChanged"},
         {"request", "PATCH or PUT /deliveries/1"}}
    );
    CHECK(
        static_cast<std::size_t>(std::ranges::count(steps, "event", &Step::kind)) == events_before
    );
    const auto answer = story.get("/trace/orders/1");
    CHECK(answer.field("complete") == "false");
    CHECK(answer.field("missing").find("kept in memory") != std::string::npos);
}

TEST_CASE("attempts at VAN that got no answer are in the timeline, and so is the refund") {
    Story story({"--stopped", "van"});
    const auto customer = story.given_customer();
    const auto book = story.given_book(0);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(eventually([&] {
        const auto steps = steps_of(story, order);
        return place_of(steps, "task", "ask-van", "charge: no answer") < steps.size();
    }));
    CHECK(story.get("/trace/orders/1").field("waiting").find("ask-van") != std::string::npos);
    story.restart();
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    story.send(Method::del, "/orders/1", {}, {{"traceparent", other_parent}});
    REQUIRE(story.payment_becomes(order, "PAYMENT_CANCELED"));
    REQUIRE(story.published("PaymentCanceled", 1));
    const auto steps = steps_of(story, order);
    check_order(
        steps,
        {{"request", "POST /orders"},
         {"request", "DELETE /orders/1"},
         {"event", "OrderCanceled"},
         {"handler", "payment handled OrderCanceled"},
         {"event", "PaymentCanceled"}}
    );
    const auto refund = place_of(steps, "task", "refund-at-van", "PAYMENT_CANCELED");
    REQUIRE_MESSAGE(refund < steps.size(), told(steps));
    CHECK(steps[refund].trace == other_id);
    CHECK(steps[place_of(steps, "event", "PaymentCanceled")].trace == other_id);
}

TEST_CASE("a refund that waits for VAN is waited for by the task that makes it") {
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(0);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
    REQUIRE(story.post("/modules/van/stop").status == 200);
    story.send(Method::del, "/orders/1");
    REQUIRE(story.published("OrderCanceled", 1));
    REQUIRE(eventually([&] {
        const auto steps = steps_of(story, order);
        return place_of(steps, "task", "refund-at-van", "refund: no answer") < steps.size();
    }));
    boost::json::array waiting;
    REQUIRE(eventually([&] {  // those who handle OrderCanceled may wait a moment longer
        waiting = story.get("/trace/orders/1").json().at("waiting").as_array();
        return waiting.size() == 1;
    }));
    CHECK(waiting[0].at("name") == "refund-at-van");
    CHECK(waiting[0].at("detail") == "refund");
    REQUIRE(story.post("/modules/van/start").status == 200);
    CHECK(story.payment_becomes(order, "PAYMENT_CANCELED"));
}

TEST_CASE("there is no timeline of an order that is not there") {
    Story story;
    CHECK(error_fault(story.get("/trace/orders/7"), 404, "/trace/orders/7") == "");
    CHECK(error_fault(story.get("/trace/orders/none"), 400, "/trace/orders/none") == "");
    const auto missing = run_bookstore({"trace", "7", "--url", story.process().url()});
    CHECK(missing.status == 1);
    CHECK(missing.error.find("there is no order 7") != std::string::npos);
    story.stop();
    const auto in_files = run_bookstore({"trace", "7", "--data-dir", story.data_dir()});
    CHECK(in_files.status == 1);
    CHECK(in_files.error.find("there is no order 7") != std::string::npos);
    const auto no_directory = run_bookstore({"trace", "7", "--data-dir", "/nonexistent"});
    CHECK(no_directory.status == 1);
    CHECK(no_directory.error.find("is no data directory") != std::string::npos);
    CHECK(run_bookstore({"trace", "zero"}).status == 1);
}

TEST_CASE("bookstore trace prints the timeline, of a server and of a directory at rest") {
    Story story;
    const auto customer = story.given_customer();
    const auto book = story.given_book(10);
    const auto order = order_traced(story, book, customer, traceparent).id();
    REQUIRE(settled(story, order));
    const auto running = run_bookstore({"trace", "1", "--url", story.process().url()});
    CHECK(running.status == 0);
    CHECK_MESSAGE(running.out.starts_with("order 1 is Shipped: "), running.out);
    for (const std::string part :
         {"POST /orders",
          "Ordered",
          "payment handled Ordered",
          "ask-van",
          "Payed",
          "Shipped",
          "trace=0af7651916cd43dd8448eb211c80319c"}) {
        CHECK_MESSAGE(running.out.find(part) != std::string::npos, part, "\n", running.out);
    }
    story.stop();
    const auto at_rest = run_bookstore({"trace", "1", "--data-dir", story.data_dir()});
    CHECK(at_rest.status == 0);
    for (const std::string part : {"POST /orders", "Ordered", "Payed", "Shipped", "not known: "}) {
        CHECK_MESSAGE(at_rest.out.find(part) != std::string::npos, part, "\n", at_rest.out);
    }
}
