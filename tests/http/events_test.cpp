#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json/parse.hpp>
#include <mutex>
#include <thread>

#include "story.hpp"

using namespace bookstore::test;

namespace {

/// One event of a stream: its id and type, and its JSON line.
struct Streamed {
    std::int64_t id;
    std::string type;
    std::string data;
};

std::vector<Streamed> parse_stream(const std::string& text) {
    std::vector<Streamed> events;
    Streamed event{};
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = text.find('\n', begin);
        const std::string line = text.substr(begin, end - begin);
        begin = end == text.npos ? text.size() : end + 1;
        if (line.starts_with("id: ")) {
            event.id = std::stoll(line.substr(4));
        } else if (line.starts_with("event: ")) {
            event.type = line.substr(7);
        } else if (line.starts_with("data: ")) {
            event.data = line.substr(6);
        } else if (line.empty() && !event.data.empty()) {
            events.push_back(std::exchange(event, {}));
        }
    }
    return events;
}

std::vector<Streamed> stream(Story& story, const std::string& query) {
    const auto answer = story.get("/events?" + query);
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    CHECK(answer.header("Content-Type") == "text/event-stream;charset=UTF-8");
    return parse_stream(answer.body);
}

std::string ids_of(const std::vector<Streamed>& events) {
    std::string ids;
    for (const auto& event : events) {
        ids += (ids.empty() ? "" : " ") + std::to_string(event.id);
    }
    return ids;
}

/// Reads a stream on a thread of its own until told to stop.
class Listener {
  public:
    Listener(
        const Story& story,
        const std::string& url,
        const std::string& query,
        std::vector<bookstore::http::Header> headers = {}
    ) {
        (void)story;
        thread_ = std::jthread([this, url = url + "/events" + query, headers] {
            try {
                bookstore::http::fetch_stream(
                    bookstore::http::parse_url(url),
                    headers,
                    [this](int status) { status_ = status; },
                    [this](std::string_view piece) {
                        const std::scoped_lock lock(mutex_);
                        text_ += piece;
                        return !over_.load();
                    }
                );
            } catch (const std::exception&) {
                // The server went away.
            }
            ended_ = true;
        });
        REQUIRE(eventually([this] { return status_ != 0 || ended_; }));
    }
    ~Listener() { over_ = true; }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::string text() {
        const std::scoped_lock lock(mutex_);
        return text_;
    }
    std::string types() {
        std::string all;
        for (const auto& event : parse_stream(text())) {
            all += (all.empty() ? "" : " ") + event.type;
        }
        return all;
    }
    bool hears(const std::string& types) {
        return eventually([&] { return this->types() == types; });
    }
    bool ended() const { return ended_; }

  private:
    std::mutex mutex_;
    std::string text_;
    std::atomic<int> status_ = 0;
    std::atomic<bool> over_ = false;
    std::atomic<bool> ended_ = false;
    std::jthread thread_;
};

/// Customers 1 to 4, then book 1: five events, at 1 to 5.
void given_five_events(Story& story) {
    for (int i = 0; i < 4; ++i) {
        story.given_customer();
    }
    REQUIRE(story.published("Registered", 4));
    story.given_book(1);
    REQUIRE(story.published("BookRegistered", 1));
}

}  // namespace

TEST_CASE("the log is read from its beginning, its end, or a position that is included") {
    Story story;
    given_five_events(story);
    CHECK(ids_of(stream(story, "from=beginning&follow=false")) == "1 2 3 4 5");
    CHECK(ids_of(stream(story, "follow=false")) == "1 2 3 4 5");
    CHECK(ids_of(stream(story, "from=0&follow=false")) == "1 2 3 4 5");
    CHECK(ids_of(stream(story, "from=1&follow=false")) == "1 2 3 4 5");
    CHECK(ids_of(stream(story, "from=4&follow=false")) == "4 5");
    CHECK(ids_of(stream(story, "from=end&follow=false")).empty());
    CHECK(ids_of(stream(story, "from=6&follow=false")).empty());
}

TEST_CASE("who resumes behind the log's end is told where it ends, not answered with nothing") {
    Story story;
    given_five_events(story);
    const auto refused = [](const Answer& answer) {
        CHECK(error_fault(answer, 409, "/events") == "");
        CHECK(answer.field("message").find("the log ends at 5") != std::string::npos);
        CHECK(answer.header("Log-Begin") == "1");
        CHECK(answer.header("Log-End") == "5");
    };
    for (const std::string follow : {"follow=false", "follow=true"}) {
        CAPTURE(follow);
        for (const std::string position : {"7", "9007199254740991"}) {
            CAPTURE(position);
            refused(story.get("/events?" + follow + "&from=" + position));
            refused(story.get("/events?" + follow, {{"Last-Event-ID", position}}));
        }
        refused(story.get("/events?" + follow, {{"Last-Event-ID", "6"}}));
    }
    CHECK(story.get("/events?follow=false&from=6").status == 200);
    CHECK(story.get("/events?follow=false&from=6").header("Log-End") == "5");
    Listener next(story, story.process().url(), "?from=6");
    story.given_customer();
    CHECK(next.hears("Registered"));
}

TEST_CASE("who resumes at the end, and does not follow, is told not to come back") {
    Story story;
    given_five_events(story);
    const auto behind = [&](const std::string& id, const std::string& query) {
        return story.get("/events?follow=false" + query, {{"Last-Event-ID", id}});
    };
    const auto done = behind("5", "");
    CHECK(done.status == 204);
    CHECK(done.body.empty());
    CHECK(done.header("Content-Type").empty());
    CHECK(done.header("Log-End") == "5");
    CHECK(behind("4", "").status == 200);
    // One that asked for some events alone learns where the log ends, and comes back with that.
    const auto some = behind("1", "&key=customer-3");
    CHECK(ids_of(parse_stream(some.body)) == "3");
    CHECK(some.body.ends_with("\n\nid: 5\n\n"));
    CHECK(behind("3", "&key=customer-3").body == "id: 5\n\n");
    CHECK(behind("4", "").body.find("id: 5\nevent: ") == 0);
}

TEST_CASE("Last-Event-ID is what was seen: the stream goes on behind it, whatever from says") {
    Story story;
    given_five_events(story);
    const auto behind = [&](const std::string& id, const std::string& query) {
        const auto answer = story.get("/events?" + query, {{"Last-Event-ID", id}});
        return ids_of(parse_stream(answer.body));
    };
    CHECK(behind("3", "follow=false") == "4 5");
    CHECK(behind("3", "from=beginning&follow=false") == "4 5");
    CHECK(behind("0", "from=5&follow=false") == "1 2 3 4 5");
    CHECK(behind("5", "from=beginning&follow=false").empty());
    CHECK(behind("", "from=5&follow=false") == "5");
    const auto bad = story.get("/events?follow=false", {{"Last-Event-ID", "x"}});
    CHECK(error_fault(bad, 400, "/events") == "");
}

TEST_CASE("events are chosen by type, also by several, and by key") {
    Story story;
    given_five_events(story);
    CHECK(ids_of(stream(story, "type=BookRegistered&follow=false")) == "5");
    CHECK(ids_of(stream(story, "type=BookRegistered&type=Registered&follow=false")) == "1 2 3 4 5");
    CHECK(ids_of(stream(story, "type=BookRegistered,Registered&follow=false")) == "1 2 3 4 5");
    CHECK(ids_of(stream(story, "type=Ordered,BookRegistered&follow=false")) == "5");
    CHECK(ids_of(stream(story, "type=Ordered&follow=false")).empty());
    CHECK(ids_of(stream(story, "key=customer-3&follow=false")) == "3");
    CHECK(ids_of(stream(story, "key=customer-3&type=BookRegistered&follow=false")).empty());
    CHECK(ids_of(stream(story, "key=order-1&follow=false")).empty());
    CHECK(ids_of(stream(story, "type=Registered&from=3&follow=false")) == "3 4");
}

TEST_CASE("a type that no context publishes is 400, and the nearest one is named") {
    Story story({"--modules", "customer", "--kafka", "none"}
    );  // those of other contexts are known all the same
    CHECK(story.get("/events?type=Ordered&follow=false").status == 200);
    for (const auto& [query, written, meant] : std::vector<std::array<std::string, 3>>{
             {"type=Orderd", "Orderd", "Ordered"},
             {"type=ordercanceled", "ordercanceled", "OrderCanceled"},
             {"type=Registered,PaymentFailled", "PaymentFailled", "PaymentFailed"},
             {"type=Ordered&type=bookregister", "bookregister", "BookRegistered"},
             {"type=Ordered,", "", "Payed"},
         }) {
        CAPTURE(query);
        const auto answer = story.get("/events?follow=false&" + query);
        CHECK(error_fault(answer, 400, "/events") == "");
        CHECK(answer.field("message").find("the nearest is " + meant) != std::string::npos);
        CHECK(
            answer.field("errors").find("\"rejectedValue\":\"" + written + "\"") !=
            std::string::npos
        );
    }
}

TEST_CASE("an event is an id, a type and the seed's line") {
    Story story;
    story.given_customer();
    story.given_book(3, "책 \"DDD\"");
    REQUIRE(story.published("BookRegistered", 1));
    const auto answer = story.get("/events?from=2&follow=false");
    const auto line = story.events("BookRegistered").at(0);
    CHECK(answer.body == "id: 2\nevent: BookRegistered\ndata: " + line + "\n\n");
    CHECK(answer.header("Cache-Control") == "no-store");
    const auto event = boost::json::parse(line).as_object();
    CHECK(event.at("bookName") == "책 \"DDD\"");
    CHECK(event.at("me") == true);
}

TEST_CASE("parameters that mean nothing are 400") {
    Story story;
    for (const std::string query :
         {"from=x",
          "from=-1",
          "from=",
          "from=1.5",
          "from=9007199254740992",
          "follow=yes",
          "follow=",
          "follow=TRUE",
          "from=BEGINNING"}) {
        CAPTURE(query);
        const auto answer = story.get("/events?" + query);
        CHECK(error_fault(answer, 400, "/events") == "");
        const auto name = query.substr(0, query.find('='));
        CHECK(answer.field("errors").find("\"field\":\"" + name + "\"") != std::string::npos);
    }
    CHECK(story.get("/events?follow=false", {{"Accept", "application/json"}}).status == 406);
    CHECK(story.get("/events?follow=false", {{"Accept", "text/event-stream"}}).status == 200);
}

TEST_CASE("a follower hears what happens, and only what it asked for") {
    Story story;
    given_five_events(story);
    const auto& url = story.process().url();
    Listener all(story, url, "");
    Listener from_four(story, url, "?from=4");
    Listener deleted(story, url, "?type=Deleted&type=Changed&from=beginning");
    Listener third(story, url, "?key=customer-3");
    Listener resumed(story, url, "?from=beginning", {{"Last-Event-ID", "5"}});

    story.patch("/customers/3", R"({"customerName":"lee"})");
    story.del("/customers/2");
    REQUIRE(story.published("Deleted", 1));

    CHECK(all.hears("Changed Deleted"));
    CHECK(from_four.hears("Registered BookRegistered Changed Deleted"));
    CHECK(deleted.hears("Changed Deleted"));
    CHECK(third.hears("Changed"));
    CHECK(resumed.hears("Changed Deleted"));
    CHECK(!all.ended());
    story.stop();
    CHECK(eventually([&] { return all.ended() && third.ended(); }));
}

TEST_CASE("a follower of a busy log hears every event once, in order") {
    Story story({"--heartbeat", "200"});
    story.given_customer();
    story.given_book(1000);
    Listener listener(story, story.process().url(), "?from=beginning");
    std::vector<std::jthread> clients;
    for (int c = 0; c < 3; ++c) {
        clients.emplace_back([&story] {
            for (int i = 0; i < 40; ++i) {
                story.send(
                    Method::post,
                    "/orders",
                    R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})"
                );
            }
        });
    }
    clients.clear();
    // Ordered, DeliveryPrepared, Shipped and Payed of each.
    REQUIRE(story.published("DeliveryStatusChanged", 120));
    REQUIRE(story.published("Payed", 120));
    const std::size_t expected = 2 + 4 * 120;
    CHECK(eventually([&] { return parse_stream(listener.text()).size() == expected; }));
    const auto events = parse_stream(listener.text());
    for (std::size_t i = 0; i < events.size(); ++i) {
        CHECK(events[i].id == static_cast<std::int64_t>(i) + 1);
    }
}

TEST_CASE("a quiet stream is kept alive by a comment") {
    Story story({"--heartbeat", "100"});
    Listener listener(story, story.process().url(), "");
    CHECK(eventually([&] {
        const auto text = listener.text();
        const auto first = text.find(": ");
        return first == 0 && text.find("\n\n: ", first) != std::string::npos;
    }));
    CHECK(listener.types().empty());
    story.given_customer();
    CHECK(listener.hears("Registered"));
}

TEST_CASE("HEAD of the stream has no body and ends") {
    Story story;
    const auto answer = story.send(Method::head, "/events");
    CHECK(answer.status == 200);
    CHECK(answer.header("Content-Type") == "text/event-stream;charset=UTF-8");
    CHECK(answer.body.empty());
}

TEST_CASE("bookstore events prints the JSON lines of a running server and of a directory") {
    Story story;
    given_five_events(story);
    std::string lines;
    for (const auto& line : story.events()) {
        lines += line + "\n";
    }
    const auto served =
        run_bookstore({"events", "--from-beginning", "--url", story.process().url()});
    CHECK(served.status == 0);
    CHECK(served.out == lines);
    CHECK(served.error.empty());

    const auto held = run_bookstore({"events", "--from-beginning", "--data-dir", story.data_dir()});
    CHECK(held.status != 0);
    CHECK(held.out.empty());
    CHECK(held.error.find("held by another") != std::string::npos);
    CHECK(std::ranges::count(held.error, '\n') == 1);

    story.stop();
    const auto stored =
        run_bookstore({"events", "--from-beginning", "--data-dir", story.data_dir()});
    CHECK(stored.status == 0);
    CHECK(stored.out == lines);
    const auto gone = run_bookstore({"events", "--from-beginning", "--url", "http://127.0.0.1:1"});
    CHECK(gone.status != 0);
    CHECK(std::ranges::count(gone.error, '\n') == 1);
    story.start();
    CHECK(story.count("Registered") == 4);
}

TEST_CASE("bookstore events of a directory shows what a killed process had not relayed yet") {
    Story story;
    story.given_customer();
    story.given_book(1000);
    for (int i = 0; i < 30; ++i) {
        story.place_order(1, 1, 1);
    }
    story.process().kill();
    const auto printed =
        run_bookstore({"events", "--from-beginning", "--data-dir", story.data_dir()});
    CHECK(printed.status == 0);
    std::size_t ordered = 0;
    for (std::size_t at = 0; (at = printed.out.find("\"Ordered\"", at)) != std::string::npos;
         ++at) {
        ++ordered;
    }
    CHECK(ordered == 30);
    story.start();
    CHECK(story.order_becomes(30, "Shipped"));
    CHECK(story.ends_with() == "");
}
