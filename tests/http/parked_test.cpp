#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include "held_events.hpp"
#include "story.hpp"
#include "support/sqlite_reader.hpp"

// Events that a context cannot handle. The handlers of the real binary are made to fail by payloads
// that they cannot read, written into the files while nobody holds them.

using namespace bookstore::test;
namespace http = bookstore::http;

namespace {

/// An order whose DeliveryPrepared the order context has parked, with the event behind it.
/// `cure` puts the payload right again, in the order context's file and in the log.
struct Parked {
    Story story;
    std::int64_t order = 0;
    std::int64_t position = 0;
    std::string payload;

    Parked() {
        story.given_customer();
        story.given_book(100);
        order = story.place_order(1, 1);
        REQUIRE(story.post("/modules/order/stop").status == 200);
        settle();
        story.stop();
        break_event();
        story.start({"--retry-attempts", "1"});
        REQUIRE(story.becomes(fmt::format("/parked/order-{}", position), "state", "PARKED"));
        REQUIRE(eventually([&] { return total("?module=order") == "2"; }));
    }

    /// Everybody but the order context has handled everything.
    void settle() {
        REQUIRE(story.published("DeliveryStatusChanged", 1));
        REQUIRE(story.payment_becomes(order, "PAYMENT_COMPLETED"));
        REQUIRE(story.becomes("/myPages/1", "deliveryStatus", "Shipped"));
        REQUIRE(story.becomes("/myPages/1", "payStatus", "PAYMENT_COMPLETED"));
    }

    void break_event() {
        Sqlite orders(story.data_dir() + "/order.db", Sqlite::Mode::write);
        Sqlite topic(story.data_dir() + "/topic.db", Sqlite::Mode::write);
        topic.rows(
            "SELECT position, payload FROM event WHERE type = 'DeliveryPrepared'",
            [this](const Sqlite::Row& row) {
                position = row.integer(0);
                payload = row.text(1);
            }
        );
        REQUIRE(position > 0);
        // The order context may have been quicker than its stop: it reads the event again.
        orders.run(fmt::format(
            "UPDATE subscription SET position = min(position, {}) WHERE name = 'order'",
            position - 1
        ));
        orders.run("UPDATE orders SET status = 'ORDERED'");
        topic.run(
            fmt::format("UPDATE event SET payload = 'no \"JSON\"' WHERE position = {}", position)
        );
    }

    void cure() {
        Sqlite orders(story.data_dir() + "/order.db", Sqlite::Mode::write);
        Sqlite topic(story.data_dir() + "/topic.db", Sqlite::Mode::write);
        orders.run(
            fmt::format("UPDATE held SET payload = '{}' WHERE position = {}", payload, position)
        );
        topic.run(
            fmt::format("UPDATE event SET payload = '{}' WHERE position = {}", payload, position)
        );
    }

    std::string id() const { return fmt::format("order-{}", position); }
    std::string total(const std::string& query) {
        return story.get("/parked" + query).field("page.totalElements");
    }
    std::string status() { return story.of(fmt::format("/orders/{}", order), "orderStatus"); }
};

const std::string reason = R"({"reason":"settled by hand"})";

}  // namespace

TEST_CASE_FIXTURE(Parked, "a parked event is shown with its error, and what waits behind it") {
    const auto parked = story.get("/parked/" + id());
    REQUIRE(parked.status == 200);
    CHECK(parked.field("id") == id());
    CHECK(parked.field("module") == "order");
    CHECK(parked.field("subscription") == "order");
    CHECK(parked.field("state") == "PARKED");
    CHECK(parked.field("event.type") == "DeliveryPrepared");
    CHECK(parked.field("event.key") == fmt::format("order-{}", order));
    CHECK(parked.field("event.position") == std::to_string(position));
    CHECK(parked.field("event.payload") == "no \"JSON\"");
    CHECK(parked.field("error").size() > 3);
    CHECK(parked.field("attempts") == "1");
    CHECK(parked.field("firstTry").size() == 20);
    CHECK(parked.field("nextTry") == "null");
    const std::string self = story.process().url() + "/parked/" + id();
    CHECK(parked.field("_links.self.href") == self);
    CHECK(parked.field("_links.retry.href") == self + "/retry");
    CHECK(parked.field("_links.skip.href") == self + "/skip");
    CHECK(parked.field("_links.module.href").ends_with("/modules/order"));

    const auto all = story.get("/parked?module=order").items("parked");
    REQUIRE(all.size() == 2);
    CHECK(text_of(all[0].at("id")) == id());
    CHECK(all[1].at("state") == "WAITING");
    CHECK(all[1].at("event").at("type") == "DeliveryStatusChanged");
    CHECK(all[1].at("event").at("payload").at("deliveryStatus") == "Shipped");
    CHECK(all[1].at("attempts") == 0);
    CHECK_FALSE(all[1].at("_links").as_object().contains("retry"));
    const std::string waiting(all[1].at("id").as_string());
    const auto refused = story.post("/parked/" + waiting + "/retry");
    CHECK(error_fault(refused, 409, "/parked/" + waiting + "/retry") == "");

    CHECK(total("?state=PARKED") == "1");
    CHECK(total("?module=payment") == "0");
    CHECK(total("") == "2");
    CHECK(story.of("/modules/order", "held") == "2");
    CHECK(story.of("/modules/order", "parked") == "1");
    CHECK(status() == "ORDERED");
    CHECK(story.get("/isHealthy").status == 200);
    // Other orders are not held up.
    CHECK(story.order_becomes(story.place_order(1, 1), "Shipped"));
}

TEST_CASE_FIXTURE(Parked, "an order with a held event cannot be canceled, and is told why") {
    const std::string target = fmt::format("/orders/{}", order);
    const auto refused = story.del(target);
    CHECK(error_fault(refused, 409, target) == "");
    CHECK(refused.field("message").find("held") != std::string::npos);
    CHECK(story.count("OrderCanceled") == 0);
}

TEST_CASE_FIXTURE(Parked, "a retry of what still fails parks it again, with one attempt more") {
    const auto tried = story.post("/parked/" + id() + "/retry");
    CHECK(tried.status == 202);
    CHECK(tried.field("state") == "RETRYING");
    CHECK(story.becomes("/parked/" + id(), "attempts", "2"));
    CHECK(story.becomes("/parked/" + id(), "state", "PARKED"));
    CHECK(story.post("/modules/order/parked/retry").field("count") == "1");
    CHECK(story.becomes("/parked/" + id(), "attempts", "3"));
    CHECK(total("?module=order") == "2");
    CHECK(status() == "ORDERED");
}

TEST_CASE_FIXTURE(Parked, "what was cured is retried in order, and has its effects once") {
    story.stop();
    cure();
    story.start();
    CHECK(story.of("/parked/" + id(), "state") == "PARKED");  // a start retries nothing by itself
    CHECK(story.post("/parked/" + id() + "/retry").status == 202);
    CHECK(story.order_becomes(order, "Shipped"));
    CHECK(eventually([&] { return total("") == "0"; }));
    const std::string target = "/parked/" + id();
    CHECK(error_fault(story.get(target), 404, target) == "");
    CHECK(story.post(target + "/retry").status == 404);
    CHECK(story.post(target + "/skip", reason).status == 404);
    CHECK(story.ends_with() == "");
}

TEST_CASE_FIXTURE(Parked, "a retry that a kill meets happens once, before or after") {
    story.stop();
    cure();
    story.start();
    for (int round = 0; total("") != "0"; ++round) {
        REQUIRE(round < 20);
        // The answer is given when the row says that it is due: from then on no kill undoes it.
        const auto tried = story.post("/modules/order/parked/retry");
        CHECK(tried.status == 202);
        story.process().kill();
        story.start();
        CHECK(eventually([&] { return total("?state=PARKED") == "0"; }));
        CHECK(eventually([&] { return total("") == "0"; }));
    }
    CHECK(status() == "Shipped");
    CHECK(story.ends_with() == "");
}

TEST_CASE_FIXTURE(Parked, "a skipped event goes, those behind it are handled, its record stays") {
    const std::string target = "/parked/" + id() + "/skip";
    for (const std::string body : {"{}", R"({"reason":" "})", "{", "[]"}) {
        CHECK(error_fault(story.post(target, body), 400, target) == "");
    }
    CHECK(story.post(target).status == 400);  // no body at all
    const auto skipped = story.post(target, reason);
    CHECK(skipped.status == 200);
    CHECK(skipped.field("state") == "SKIPPED");
    CHECK(skipped.field("reason") == "settled by hand");
    CHECK(skipped.field("skippedAt").size() == 20);
    CHECK(skipped.field("_links.skip") == "missing");
    CHECK(story.order_becomes(order, "Shipped"));  // by the DeliveryStatusChanged behind it
    CHECK(eventually([&] { return total("") == "0"; }));
    // Again, or after a kill: the first record.
    story.process().kill();
    story.start();
    const auto again = story.post(target, R"({"reason":"another"})");
    CHECK(again.status == 200);
    CHECK(again.field("reason") == "settled by hand");
    CHECK(story.of("/parked/" + id(), "state") == "SKIPPED");
    const auto late = story.post("/parked/" + id() + "/retry");
    CHECK(late.status == 409);
    CHECK(late.field("message").find("settled by hand") != std::string::npos);
}

TEST_CASE_FIXTURE(
    Parked, "neither retry nor skip is for a stopped context, nor for another origin"
) {
    const http::Header evil{"Origin", "http://evil.example"};
    for (const std::string& target :
         {"/parked/" + id() + "/retry",
          "/parked/" + id() + "/skip",
          std::string("/modules/order/parked/retry"),
          std::string("/modules/order/parked/skip")}) {
        CAPTURE(target);
        const std::vector<http::Header> headers{{"Content-Type", "application/json"}, evil};
        const auto refused = story.send(Method::post, target, reason, headers);
        CHECK(error_fault(refused, 403, target) == "");
    }
    REQUIRE(story.post("/modules/order/stop").status == 200);
    CHECK(story.of("/parked/" + id(), "state") == "PARKED");  // still to be seen
    CHECK(story.post("/parked/" + id() + "/retry").status == 503);
    CHECK(story.post("/parked/" + id() + "/skip", reason).status == 503);
    CHECK(story.post("/modules/order/parked/retry").status == 503);
    REQUIRE(story.post("/modules/order/start").status == 200);
    CHECK(story.of("/parked/" + id(), "attempts") == "1");
}

TEST_CASE_FIXTURE(Parked, "the command line lists, retries and skips") {
    const std::string url = story.process().url();
    const auto list = run_bookstore({"parked", "list", "--url", url});
    CHECK(list.status == 0);
    CHECK(list.out.find(id() + " ") != std::string::npos);
    CHECK(list.out.find("WAITING") != std::string::npos);
    const auto few = run_bookstore({"parked", "list", "--parked-only", "--url", url});
    CHECK(few.out.find("WAITING") == std::string::npos);
    const auto tried = run_bookstore({"parked", "retry", id(), "--url", url});
    CHECK(tried.status == 0);
    CHECK(tried.out == id() + ": RETRYING\n");
    CHECK(story.becomes("/parked/" + id(), "attempts", "2"));
    CHECK(run_bookstore({"parked", "skip", id(), "--url", url}).status == 1);  // no reason
    CHECK(run_bookstore({"parked", "retry", "--url", url}).status == 1);       // of which
    CHECK(run_bookstore({"parked", "retry", "order-99", "--url", url}).status == 1);
    const auto skipped =
        run_bookstore({"parked", "skip", "--module", "order", "--reason", "settled", "--url", url});
    CHECK(skipped.status == 0);
    CHECK(skipped.out == "order: 1 events, 0 still parked\n");
    CHECK(eventually([&] {
        return run_bookstore({"parked", "list", "--url", url}).out == "no event is held\n";
    }));
}

TEST_CASE("held events are paged, over all contexts") {
    Story story;
    given_held_events(story);
    const auto first = story.get("/parked?size=3");
    CHECK(first.items("parked").size() == 3);
    CHECK(first.field("page.totalElements") == "4");
    CHECK(first.field("page.totalPages") == "2");
    CHECK(first.field("_links.prev") == "missing");
    const std::string next = first.field("_links.next.href");
    CHECK(next == story.process().url() + "/parked?page=1&size=3");
    CHECK(first.field("_links.last.href") == next);
    const auto second = story.get("/parked?page=1&size=3");
    REQUIRE(second.items("parked").size() == 1);
    CHECK(second.items("parked")[0].at("id") == "payment-history-2");
    CHECK(second.field("_links.prev.href").ends_with("page=0&size=3"));
    CHECK(story.get("/parked?page=2").items("parked").empty());
    CHECK(story.get("/parked?module=payment_history&state=PARKED").items("parked").size() == 1);
    for (const std::string query : {"?page=x", "?size=0", "?module=shop", "?state=WAITING"}) {
        CHECK(error_fault(story.get("/parked" + query), 400, "/parked") == "");
    }
    for (const std::string id : {"payment-history-3", "order-1", "nothing", "order-x", "7"}) {
        CHECK(error_fault(story.get("/parked/" + id), 404, "/parked/" + id) == "");
    }
}

TEST_CASE("a rebuild passes over what was skipped") {
    Story story;
    given_held_events(story);
    CHECK(story.post("/parked/payment-history-1/skip", reason).status == 200);
    // The second one is not readable either: it is tried in its turn, and parked.
    CHECK(story.becomes("/parked/payment-history-2", "state", "PARKED"));
    CHECK(story.post("/modules/payment_history/parked/skip", reason).field("count") == "1");
    CHECK(story.of("/modules/payment_history", "held") == "0");
    story.given_customer();
    story.given_book(5);
    REQUIRE(story.place_order(1, 1) == 1);
    REQUIRE(story.becomes("/paymentHistories", "page.totalElements", "1"));

    CHECK(story.post("/rebuilds/payment-history").status == 202);
    CHECK(story.becomes("/rebuilds/payment-history", "state", "done"));
    CHECK(story.of("/modules/payment_history", "held") == "0");  // they are not held again
    CHECK(story.of("/paymentHistories", "page.totalElements") == "1");
    // My Page's were not skipped: a rebuild holds them again.
    CHECK(story.post("/rebuilds/my-page").status == 202);
    CHECK(story.becomes("/rebuilds/my-page", "state", "done"));
    CHECK(story.of("/modules/customer", "held") == "2");
}
