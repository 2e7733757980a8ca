#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "processes.hpp"
#include "support/broken_log.hpp"
#include "support/context_names.hpp"
#include "support/raw_server.hpp"

// Processes that host some contexts each, asked and acted on as one system.

using namespace bookstore::test;

namespace {

const std::vector<std::string> in_three{
    "customer,inventory,order", "delivery,payment,payment_history", "van"
};

/// The contexts that GET /modules shows, by name.
std::map<std::string, boost::json::object> modules_of(const Answer& answer) {
    std::map<std::string, boost::json::object> modules;
    for (const auto& module : answer.items("modules")) {
        CHECK(modules.emplace(std::string(module.at("name").as_string()), module).second);
    }
    return modules;
}

std::string state_of(const boost::json::object& module) {
    return std::string(module.at("state").as_string());
}

/// Every link below the value leads below that URL.
bool all_links_below(const boost::json::value& value, const std::string& url) {
    if (const auto* array = value.if_array()) {
        return std::ranges::all_of(*array, [&](const auto& each) {
            return all_links_below(each, url);
        });
    }
    const auto* object = value.if_object();
    return object == nullptr || std::ranges::all_of(*object, [&](const auto& member) {
               return member.key() == "href"
                          ? std::string_view(member.value().as_string()).starts_with(url + "/")
                          : all_links_below(member.value(), url);
           });
}

/// An order whose events stay with its process: nothing carries them to the others here.
std::int64_t place_order(Processes& split, std::size_t place) {
    REQUIRE(split.post(place, "/customers", R"({"customerName":"kim"})").status == 201);
    REQUIRE(split.post(place, "/books", R"({"bookName":"DDD","stock":10})").status == 201);
    const auto order = split.post(
        place, "/orders", R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
    );
    REQUIRE(order.status == 201);
    return order.id();
}

}  // namespace

TEST_CASE("each process shows the contexts of all, and says where the others' are") {
    Processes split(in_three);
    for (std::size_t place = 0; place < in_three.size(); ++place) {
        CAPTURE(place);
        const auto answer = split.get(place, "/modules");
        const auto modules = modules_of(answer);
        REQUIRE(modules.size() == context_names.size());
        std::size_t elsewhere = 0;
        for (const auto& [name, module] : modules) {
            CHECK(state_of(module) == "RUNNING");
            elsewhere += module.contains("peer") ? 1 : 0;
        }
        CHECK(elsewhere == std::vector<std::size_t>{4, 4, 6}[place]);
        CHECK(all_links_below(answer.json(), split.url(place)));
        CHECK(answer.json().at("peers").as_array().size() == 2);  // not the process itself
    }
    const auto van = split.get(0, "/modules/van");
    CHECK(van.field("name") == "van");
    CHECK(van.field("peer") == split.url(2));
    CHECK(split.get(0, "/modules/order").field("peer") == "missing");
    CHECK(error_fault(split.get(0, "/modules/nothing"), 404, "/modules/nothing") == "");

    const auto health = split.get(1, "/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.json().at("components").as_object().size() == context_names.size() + 1);
    CHECK(health.field("components.van.peer") == split.url(2));
    CHECK(health.field("components.payment.peer") == "missing");
    CHECK(split.get(1, "/actuator/health/van").field("status") == "UP");
}

TEST_CASE("what a peer asks is answered from one process alone") {
    Processes split({"order,customer,inventory,delivery", "van"});
    const std::vector<bookstore::http::Header> as_peer{{"Bookstore-Peer", "1"}};
    CHECK(modules_of(split.get(1, "/modules", as_peer)).size() == 1);
    CHECK(split.get(1, "/modules", as_peer).field("peers") == "missing");
    CHECK(split.get(1, "/actuator/health", as_peer).field("components.order") == "missing");
    CHECK(split.get(1, "/modules/order", as_peer).status == 404);
    CHECK(split.post(1, "/modules/order/stop", {}, as_peer).status == 404);
    CHECK(split.get(1, "/rebuilds/my-page", as_peer).status == 404);
    CHECK(split.get(1, "/actuator/health/order", as_peer).status == 404);
    CHECK(split.get(0, "/modules/order").field("state") == "RUNNING");
}

TEST_CASE("what an operator does reaches the process that hosts the context") {
    Processes split(in_three);
    const auto stopped = split.post(0, "/modules/van/stop");
    CHECK(stopped.status == 200);
    CHECK(stopped.field("state") == "STOPPED");
    CHECK(all_links_below(stopped.json(), split.url(0)));
    CHECK(split.get(2, "/modules/van").field("state") == "STOPPED");
    CHECK(split.get(2, "/requestPayment?payment=5").status == 503);
    CHECK(split.get(1, "/actuator/health").field("components.van.status") == "STOPPED");
    CHECK(split.post(1, "/modules/van/start").status == 200);
    CHECK(split.get(2, "/requestPayment?payment=5").body == "PAYMENT_COMPLETED");
    CHECK(error_fault(split.post(0, "/modules/nothing/stop"), 404, "/modules/nothing/stop") == "");

    const auto begun = split.post(0, "/rebuilds/payment-history");
    CHECK(begun.status == 202);
    CHECK(begun.header("Location") == split.url(0) + "/rebuilds/payment-history");
    CHECK(eventually([&] {
        return split.get(2, "/rebuilds/payment-history").field("state") == "done";
    }));
    CHECK(split.get(1, "/rebuilds/payment-history").field("state") == "done");

    // A page of another origin is refused here, before anybody else is asked.
    const auto refused =
        split.post(0, "/modules/van/stop", {}, {{"Origin", "https://elsewhere.example"}});
    CHECK(error_fault(refused, 403, "/modules/van/stop") == "");
    CHECK(split.get(2, "/modules/van").field("state") == "RUNNING");
}

TEST_CASE("bookstore modules shows and changes what other processes host") {
    Processes split(in_three);
    const auto listed = run_bookstore({"modules", "stop", "van", "--url", split.url(0)});
    CHECK(listed.status == 0);
    CHECK(listed.out.find("van              STOPPED") != std::string::npos);
    CHECK(listed.out.find(split.url(2)) != std::string::npos);
    split.at(1).kill();
    const auto after = run_bookstore({"modules", "--url", split.url(0)});
    CHECK(after.status == 0);
    CHECK(after.out.find("payment          UNREACHABLE") != std::string::npos);
    CHECK(after.out.find(split.url(1) + " does not answer since ") != std::string::npos);
}

TEST_CASE("a peer that is gone, or hangs, is shown so, and makes nobody else ill") {
    Processes split(in_three);
    REQUIRE(modules_of(split.get(0, "/modules")).size() == context_names.size());
    split.stop(0);
    split.set_patience(std::chrono::milliseconds(1000));
    split.start(0);
    // It must have heard of them to tell which of the two has what.
    REQUIRE(eventually([&] {
        return split.get(0, "/modules").body.find("UNREACHABLE") == std::string::npos;
    }));
    split.at(2).kill();
    split.freeze(1);
    const auto answer = split.get(0, "/modules");
    const auto modules = modules_of(answer);
    REQUIRE(modules.size() == context_names.size());
    CHECK(state_of(modules.at("order")) == "RUNNING");
    CHECK(state_of(modules.at("van")) == "UNREACHABLE");
    CHECK(modules.at("van").at("peer").as_string() == split.url(2));
    CHECK(modules.at("van").at("reason").as_string() == "cannot connect: Connection refused");
    CHECK(modules.at("van").contains("since"));
    CHECK(state_of(modules.at("payment")) == "UNREACHABLE");
    CHECK(modules.at("payment").at("reason").as_string() == "no answer within 1000 ms");

    const auto health = split.get(0, "/actuator/health");
    CHECK(health.status == 200);
    CHECK(health.field("status") == "UP");
    CHECK(health.field("components.van.status") == "UNREACHABLE");
    CHECK(split.get(0, "/actuator/health").json().at("peers").as_object().size() == 2);
    CHECK(split.get(0, "/isReady").status == 200);
    CHECK(split.get(0, "/isHealthy").status == 200);
    CHECK(split.get(0, "/parked").json().at("missing").as_array().size() == 2);
    CHECK(error_fault(split.post(0, "/modules/van/stop"), 503, "/modules/van/stop") == "");
    CHECK(split.get(0, "/actuator/health/van").status == 503);
    // What is asked of this process alone waits for nobody, though a peer hangs.
    CHECK(split.get(0, "/modules/order").field("state") == "RUNNING");

    split.thaw(1);
    split.start(2);
    CHECK(eventually([&] {
        return std::ranges::all_of(modules_of(split.get(0, "/modules")), [](const auto& module) {
            return state_of(module.second) == "RUNNING";
        });
    }));
    CHECK(split.get(0, "/parked").field("missing") == "missing");
}

TEST_CASE("contexts of a peer that was never heard are unreachable, not forgotten") {
    Processes split({"order,customer", "inventory,delivery,payment,payment_history,van"});
    split.at(1).kill();
    split.stop(0);
    split.start(0);
    const auto modules = modules_of(split.get(0, "/modules"));
    REQUIRE(modules.size() == context_names.size());
    CHECK(state_of(modules.at("van")) == "UNREACHABLE");
    CHECK(modules.at("van").at("peer").as_string() == split.url(1));
}

TEST_CASE("a peer that answers something else is told from one that answers") {
    const std::map<std::string, std::string> answers{
        {"no JSON", "<html>"},
        {"another object", "{}"},
        {"a list of words", R"({"_embedded":{"modules":["van"]},"_links":{}})"},
        {"a context without its state", R"({"_embedded":{"modules":[{"name":"van"}]},"_links":{}})"
        },
        {"too much", std::string(3 << 20, ' ')},
    };
    for (const auto& [what, body] : answers) {
        CAPTURE(what);
        RawServer other([&body](RawConnection& connection, int) {
            while (!connection.request().empty() && connection.answer(200, body)) {
            }
        });
        Processes split({"order,customer"}, {}, {other.url()});
        const auto answer = split.get(0, "/modules");
        const auto modules = modules_of(answer);
        CHECK(state_of(modules.at("order")) == "RUNNING");
        CHECK(state_of(modules.at("van")) == "UNREACHABLE");
        CHECK(answer.json().at("peers").at(0).at("state").as_string() == "UNREACHABLE");
        CHECK(split.get(0, "/actuator/health").field("status") == "UP");
        CHECK(split.get(0, "/parked").field("page.totalElements") == "0");
        CHECK(split.get(0, "/trace/orders/1").status == 503);
        CHECK(split.post(0, "/modules/van/stop").status == 503);
    }
}

TEST_CASE("a flag that names no peer is refused") {
    const TemporaryDirectory directory;
    const auto refused = run_bookstore(
        {"serve", "--data-dir", directory.path(), "--listen", "127.0.0.1:0", "--peers", "van:8080"}
    );
    CHECK(refused.status == 1);
    CHECK(refused.error.find("--peers: ") != std::string::npos);
}

TEST_CASE("the index and the profiles list the collections of all processes") {
    Processes split(in_three);
    Story whole;
    const auto names = [](const Answer& answer) {
        std::string text;
        const auto body = answer.json();
        for (const auto& link : body.at("_links").as_object()) {
            text += std::string(link.key()) + " ";
        }
        return text;
    };
    for (std::size_t place = 0; place < in_three.size(); ++place) {
        CHECK(names(split.get(place, "/")) == names(whole.get("/")));
        CHECK(names(split.get(place, "/profile")) == names(whole.get("/profile")));
    }
    CHECK(names(whole.get("/")).find("paymentHistories ") != std::string::npos);
}

TEST_CASE("the description is of this process, and of all for who comes through a proxy") {
    Processes split(in_three);
    Story whole;
    const auto paths_of = [](const Answer& answer) {
        std::set<std::string> paths;
        const auto body = answer.json();
        for (const auto& path : body.at("paths").as_object()) {
            paths.insert(std::string(path.key()));
        }
        return paths;
    };
    const auto of_all = paths_of(whole.get("/openapi.json"));
    const auto own = paths_of(split.get(2, "/openapi.json"));
    CHECK(own.contains("/requestPayment"));
    CHECK_FALSE(own.contains("/orders"));
    CHECK(own.contains("/rebuilds/my-page"));
    CHECK(own.contains("/actuator/health/order"));
    split.stop(2);
    split.add_flags({"--trusted-proxy", "127.0.0.1"});
    split.start(2);
    CHECK(paths_of(split.get(2, "/openapi.json")) == of_all);
}

TEST_CASE("the timeline of an order is made of all processes' parts, in time order") {
    Processes split(in_three);
    const std::int64_t order = place_order(split, 0);
    const std::string target = fmt::format("/trace/orders/{}", order);
    REQUIRE(eventually([&] {
        return split.get(0, target).field("orderStatus") == "Delivery_Prepared";
    }));
    REQUIRE(eventually([&] { return split.get(0, target).field("waiting") == "[]"; }));
    for (std::size_t place = 0; place < in_three.size(); ++place) {
        CAPTURE(place);
        const auto timeline = split.get(place, target).json().as_object();
        std::int64_t before = 0;
        std::set<std::string> steps;
        for (const auto& each : timeline.at("entries").as_array()) {
            const auto& entry = each.as_object();
            CHECK(entry.at("at_ms").as_int64() >= before);
            before = entry.at("at_ms").as_int64();
            const bool first = steps.insert(text_of(entry.at("name"))).second;
            CHECK_MESSAGE(first, text_of(entry.at("name")));
        }
        CHECK(steps.contains("POST /orders"));
        CHECK(steps.contains("Ordered"));
        CHECK(steps.contains("inventory handled Ordered"));
        CHECK(timeline.at("complete").as_bool());
    }
    CHECK(split.get(1, "/trace/orders/99").status == 404);
    CHECK(run_bookstore({"trace", std::to_string(order), "--url", split.url(2)}).status == 0);

    split.at(2).kill();
    const auto without_van = split.get(1, target).json().as_object();
    CHECK_FALSE(without_van.at("complete").as_bool());
    const auto missing = text_of(without_van.at("missing"));
    CHECK(missing.find(split.url(2)) != std::string::npos);
    split.at(0).kill();
    const auto unknown = split.get(1, target);
    CHECK(error_fault(unknown, 503, target) == "");
}

TEST_CASE("an event that several processes have stands in the timeline once") {
    // Two processes with one log: the second one's was copied from the first one's.
    Processes split({"customer,inventory,order", "delivery,payment,payment_history,van"});
    const std::int64_t order = place_order(split, 0);
    const std::string target = fmt::format("/trace/orders/{}", order);
    REQUIRE(eventually([&] {
        return split.get(0, target).field("orderStatus") == "Delivery_Prepared";
    }));
    const std::vector<bookstore::http::Header> as_peer{{"Bookstore-Peer", "1"}};
    const auto events = [](const Answer& answer) {
        return std::ranges::count_if(answer.json().at("entries").as_array(), [](const auto& entry) {
            return entry.at("kind").as_string() == "event";
        });
    };
    split.stop(0);
    split.stop(1);
    for (const auto& entry : std::filesystem::directory_iterator(split.data_dir(1))) {
        std::filesystem::remove_all(entry.path());
    }
    std::filesystem::copy_file(split.data_dir(0) + "/topic.db", split.data_dir(1) + "/topic.db");
    split.start(0);
    split.start(1);
    REQUIRE(eventually([&] {
        return split.get(1, target).field("orderStatus") == "Delivery_Prepared" &&
               events(split.get(1, target, as_peer)) >= 2;
    }));
    const auto own = events(split.get(0, target, as_peer));
    CHECK(own == 2);  // Ordered, DeliveryPrepared
    const auto whole = split.get(1, target).json();
    std::map<std::string, int> told;
    for (const auto& entry : whole.at("entries").as_array()) {
        ++told
            [text_of(entry.at("kind")) + text_of(entry.at("context")) + text_of(entry.at("name"))];
    }
    CHECK(told["eventorderOrdered"] == 1);
    CHECK(told["eventinventoryDeliveryPrepared"] == 1);
    CHECK(told["handlerdeliverydelivery handled Ordered"] == 1);
}

TEST_CASE("events that are held by several processes are one list, in pages, and acted on there") {
    Processes split({"customer,order,inventory,delivery,payment,van", "payment_history"});
    // Events that nobody can read: my-page holds two here, payment-history two there.
    for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
        split.stop(place);
        break_log(split.data_dir(place));
        split.start(place);
    }
    REQUIRE(eventually([&] { return split.get(0, "/parked").field("page.totalElements") == "4"; }));
    const auto ids_of = [](const Answer& answer) {
        std::string ids;
        for (const auto& item : answer.items("parked")) {
            ids += text_of(item.at("id")) + " ";
        }
        return ids;
    };
    CHECK(
        ids_of(split.get(0, "/parked")) ==
        "my-page-1 my-page-2 payment-history-1 payment-history-2 "
    );
    CHECK(
        ids_of(split.get(1, "/parked")) ==
        "payment-history-1 payment-history-2 my-page-1 my-page-2 "
    );
    const auto middle = split.get(0, "/parked?page=1&size=1");
    CHECK(ids_of(middle) == "my-page-2 ");
    CHECK(ids_of(split.get(0, "/parked?page=2&size=1")) == "payment-history-1 ");
    const auto last = split.get(0, "/parked?page=1&size=3");
    CHECK(ids_of(last) == "payment-history-2 ");
    CHECK(last.field("page.totalPages") == "2");
    CHECK(all_links_below(last.json(), split.url(0)));
    CHECK(ids_of(split.get(0, "/parked?page=7&size=3")) == "");
    CHECK(
        ids_of(split.get(0, "/parked?module=payment_history")) ==
        "payment-history-1 payment-history-2 "
    );
    CHECK(split.get(0, "/parked?module=nothing").status == 400);

    const auto one = split.get(0, "/parked/payment-history-1");
    CHECK(one.field("id") == "payment-history-1");
    CHECK(all_links_below(one.json(), split.url(0)));
    const auto skipped =
        split.post(0, "/parked/payment-history-1/skip", R"({"reason":"settled by hand"})");
    CHECK(skipped.field("state") == "SKIPPED");
    CHECK(skipped.field("reason") == "settled by hand");
    CHECK(split.get(1, "/parked/payment-history-1").field("reason") == "settled by hand");
    CHECK(split.post(0, "/parked/payment-history-1/skip", "{}").status == 400);
    CHECK(split.get(0, "/parked/nothing-1").status == 404);
    CHECK(split.post(1, "/modules/customer/parked/retry").status == 202);
}
