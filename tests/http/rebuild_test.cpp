#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "story.hpp"

using namespace bookstore::test;

namespace {

/// Every page of a collection, as text.
std::string all_rows(Story& story, const std::string& collection) {
    std::string all;
    for (int page = 0;; ++page) {
        const auto answer = story.get(fmt::format("/{}?page={}&size=1000", collection, page));
        REQUIRE(answer.status == 200);
        const auto items = answer.items(collection);
        if (items.empty()) {
            return all;
        }
        for (const auto& item : items) {
            all += text_of(item) + "\n";
        }
    }
}

/// Orders in every state: shipped, delivered, waiting, canceled, failed, without an amount.
void given_a_past(Story& story) {
    story.given_customer("kim");
    story.given_customer("lee");
    story.given_book(6);
    for (int i = 0; i < 12; ++i) {
        story.place_order(1, 1 + i % 2, 1, i % 4 == 0 ? "" : "12.34");
    }
    REQUIRE(story.published("DeliveryPrepared", 6));
    for (int order = 8; order <= 10; ++order) {
        REQUIRE(story.order_becomes(order, "ORDERED"));
        story.cancel(order);
    }
    REQUIRE(story.order_becomes(1, "Shipped"));
    REQUIRE(story.becomes("/deliveries/1", "deliveryStatus", "Shipped"));
    story.patch("/deliveries/1", R"({"deliveryStatus":"Delivered"})");
    const auto failed = story.place_order(1, 1, 1, "0");
    REQUIRE(story.payment_becomes(failed, "PAYMENT_FAILED"));
    REQUIRE(story.published("PaymentCanceled", 3));
    REQUIRE(eventually([&] { return story.of("/paymentHistories", "page.totalElements") == "16"; })
    );
    REQUIRE(story.becomes("/myPages/1", "deliveryStatus", "Delivered"));
    REQUIRE(story.becomes("/myPages/13", "payStatus", "PAYMENT_FAILED"));
    REQUIRE(story.becomes("/myPages/10", "payStatus", "PAYMENT_CANCELED"));
    REQUIRE(story.becomes("/myPages/10", "deliveryStatus", "CancelDelivery"));
}

bool rebuilt(Story& story, const std::string& name) {
    return story.becomes("/rebuilds/" + name, "state", "done");
}

/// Places orders until told to stop.
class Load {
  public:
    explicit Load(Story& story) {
        thread_ = std::jthread([this, &story] {
            while (!over_) {
                const auto answer = story.send(
                    Method::post,
                    "/orders",
                    R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan",)"
                    R"("payAmount":1})"
                );
                placed_ += answer.status == 201 ? 1 : 0;
            }
        });
    }
    ~Load() { over_ = true; }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    int placed() const { return placed_; }

  private:
    std::atomic<bool> over_ = false;
    std::atomic<int> placed_ = 0;
    std::jthread thread_;
};

}  // namespace

TEST_CASE("read models come out of a rebuild byte by byte as they were, through a server") {
    Story story(quick_van());
    given_a_past(story);
    const auto pages = all_rows(story, "myPages");
    const auto histories = all_rows(story, "paymentHistories");
    for (const std::string name : {"my-page", "payment-history"}) {
        const auto done = run_bookstore({"rebuild", name, "--url", story.process().url()});
        CHECK_MESSAGE(done.status == 0, done.error);
        CHECK(done.out.find("done") != std::string::npos);
    }
    CHECK(all_rows(story, "myPages") == pages);
    CHECK(all_rows(story, "paymentHistories") == histories);
    // They go on following.
    story.put_in_stock(1, 1);
    CHECK(story.order_becomes(7, "Shipped"));
    CHECK(story.becomes("/myPages/7", "orderStatus", "Shipped"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("read models come out of a rebuild as they were, in a directory") {
    Story story(quick_van());
    given_a_past(story);
    const auto pages = all_rows(story, "myPages");
    const auto histories = all_rows(story, "paymentHistories");
    for (const std::string name : {"my-page", "payment-history"}) {
        const auto held = run_bookstore({"rebuild", name, "--data-dir", story.data_dir()});
        CHECK(held.status != 0);
        CHECK(held.error.find("held by another") != std::string::npos);
    }
    story.stop();
    for (const std::string name : {"my-page", "payment-history"}) {
        const auto done = run_bookstore({"rebuild", name, "--data-dir", story.data_dir()});
        CHECK_MESSAGE(done.status == 0, done.error);
        CHECK(done.out.find("rebuilt") != std::string::npos);
    }
    story.start(quick_van());
    // A restart may come up on another port: links differ, rows do not.
    CHECK(story.get("/myPages?size=1000").items("myPages").size() == 13);
    CHECK(story.of("/myPages/10", "payStatus") == "PAYMENT_CANCELED");
    CHECK(story.of("/myPages/1", "deliveryStatus") == "Delivered");
    CHECK(std::ranges::count(all_rows(story, "myPages"), '\n') == std::ranges::count(pages, '\n'));
    CHECK(all_rows(story, "paymentHistories").size() == histories.size());
    CHECK(story.ends_with() == "");
}

TEST_CASE("POST /rebuilds is 202, its progress is told, and a second one meanwhile 409") {
    Story story;
    story.given_customer();
    story.given_book(10'000);
    for (int i = 0; i < 300; ++i) {
        story.place_order(1, 1, 1, "");
    }
    CHECK(story.get("/rebuilds/my-page").field("state") == "none");
    // The second POST is sent on the heels of the first: a big log takes longer than that.
    bool refused = false;
    for (int i = 0; i < 20 && !refused; ++i) {
        const auto begun = story.post("/rebuilds/my-page");
        const auto second = story.post("/rebuilds/my-page");
        CHECK(begun.status == 202);
        CHECK(begun.header("Location") == story.process().url() + "/rebuilds/my-page");
        CHECK(begun.field("name") == "my-page");
        CHECK(begun.field("state") == "building");
        CHECK((second.status == 202 || second.status == 409));
        if (second.status == 409) {
            CHECK(error_fault(second, 409, "/rebuilds/my-page") == "");
            refused = true;
        }
        REQUIRE(rebuilt(story, "my-page"));
    }
    CHECK(refused);
    const auto progress = story.get("/rebuilds/my-page");
    CHECK(progress.field("position") == progress.field("end"));
    CHECK(progress.field("startedAt").size() == 20);
    CHECK(progress.field("endedAt").size() == 20);
    CHECK(progress.field("_links.self.href").ends_with("/rebuilds/my-page"));
    CHECK(story.ends_with() == "");
}

TEST_CASE("readers are served and orders come in while read models are rebuilt") {
    Story story;
    story.given_customer();
    story.given_book(100'000);
    for (int i = 0; i < 100; ++i) {
        story.place_order(1, 1, 1);
    }
    REQUIRE(eventually([&] { return story.of("/myPages", "page.totalElements") == "100"; }));
    {
        Load load(story);
        for (int i = 0; i < 10; ++i) {
            CHECK(story.post("/rebuilds/my-page").status == 202);
            CHECK(story.post("/rebuilds/payment-history").status == 202);
            bool done = false;
            while (!done) {
                CHECK(story.get("/myPages?size=100").items("myPages").size() == 100);
                CHECK(story.of("/myPages/100", "orderId") == "100");
                done = story.of("/rebuilds/my-page", "state") == "done" &&
                       story.of("/rebuilds/payment-history", "state") == "done";
            }
        }
        CHECK(load.placed() > 0);
    }
    const auto total = story.of("/orders", "page.totalElements");
    CHECK(story.becomes("/myPages", "page.totalElements", total));
    CHECK(story.becomes("/paymentHistories", "page.totalElements", total));
    CHECK(story.ends_with() == "");
}

TEST_CASE("a rebuild that a kill cut off leaves the old rows, and a new one works") {
    Story story;
    story.given_customer();
    story.given_book(10'000);
    for (int i = 0; i < 300; ++i) {
        story.place_order(1, 1, 1, "");
    }
    REQUIRE(story.order_becomes(300, "Shipped"));
    REQUIRE(story.becomes("/myPages/300", "orderStatus", "Shipped"));
    for (int i = 0; i < 5; ++i) {
        CHECK(story.post("/rebuilds/my-page").status == 202);
        CHECK(story.post("/rebuilds/payment-history").status == 202);
        story.process().kill();
        story.start();
        CHECK(story.of("/myPages", "page.totalElements") == "300");
        CHECK(story.of("/myPages/300", "orderStatus") == "Shipped");
    }
    CHECK(story.get("/rebuilds/my-page").field("state") == "none");
    CHECK(story.post("/rebuilds/my-page").status == 202);
    CHECK(rebuilt(story, "my-page"));
    CHECK(story.of("/myPages", "page.totalElements") == "300");
    CHECK(story.ends_with() == "");
}

TEST_CASE("a page of another origin may not rebuild, nor make a zombie") {
    Story story;
    const auto& url = story.process().url();
    const auto with = [&](Method method,
                          const std::string& path,
                          const std::string& name,
                          const std::string& value) {
        return story.send(method, path, {}, {{name, value}});
    };
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {"Origin", "http://evil.example"},
             {"Origin", "null"},
             {"Sec-Fetch-Site", "cross-site"},
             {"Sec-Fetch-Site", "same-site"}
         }) {
        CAPTURE(value);
        const auto refused = with(Method::post, "/rebuilds/my-page", name, value);
        CHECK(error_fault(refused, 403, "/rebuilds/my-page") == "");
        CHECK(error_fault(with(Method::get, "/makeZombie", name, value), 403, "/makeZombie") == "");
    }
    CHECK(story.get("/isHealthy").status == 200);
    CHECK(story.get("/rebuilds/my-page").field("state") == "none");
    CHECK(with(Method::post, "/rebuilds/my-page", "Origin", url).status == 202);
    CHECK(rebuilt(story, "my-page"));
    CHECK(with(Method::post, "/rebuilds/my-page", "Sec-Fetch-Site", "same-origin").status == 202);
    CHECK(story.post("/rebuilds/nothing").status == 404);
}

TEST_CASE("bookstore rebuild of what is no read model, or without a server, says so") {
    const auto wrong = run_bookstore({"rebuild", "orders"});
    CHECK(wrong.status != 0);
    CHECK(wrong.error.find("my-page") != std::string::npos);
    const auto gone = run_bookstore({"rebuild", "my-page", "--url", "http://127.0.0.1:1"});
    CHECK(gone.status != 0);
    CHECK(gone.error.find("127.0.0.1:1") != std::string::npos);
}
