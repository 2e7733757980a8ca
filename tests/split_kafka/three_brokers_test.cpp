#include <atomic>
#include <thread>

#include "shops.hpp"

// Three brokers: leaders are moved and killed, one is lost for good, and one that lacks the end of
// the log is made the leader.

namespace bookstore::test {
namespace {

constexpr auto patience = std::chrono::seconds(90);

/// A shop in two processes over three brokers, and its topic.
struct Shop {
    explicit Shop(const std::string& settings = {}) : broker(3, settings) {}

    void open(const std::string& topic) {
        auto shop = std::make_unique<KafkaShop>(
            form_of("two"),
            KafkaShopOptions{
                .gateway = {.operators = true},
                .broker = &broker,
                .topic = topic,
                .peer_ms = "30000"
            }
        );
        story = std::make_unique<Story>(std::move(shop));
        story->given_customer();
        story->given_book(100'000);
    }
    KafkaShop& processes() const { return story->shop(); }
    /// The broker that has the partition, from 1 on, and those that have all of it.
    std::string described(const std::string& topic) const {
        return broker.topics({"--describe", "--topic", topic});
    }
    int leader(const std::string& topic) const {
        const std::string text = described(topic);
        const auto at = text.find("Leader: ");
        REQUIRE_MESSAGE(at != text.npos, text);
        return text[at + 8] - '0';
    }
    bool in_sync(const std::string& topic, int which) const {
        const std::string text = described(topic);
        const auto at = text.find("Isr: ");
        const auto end = text.find_first_of("\t\n", at);
        return at != text.npos && text.substr(at, end - at).contains(std::to_string(which));
    }

    Broker broker;
    std::unique_ptr<Story> story;
};

/// Places orders until it goes, one after the other; `acknowledged` are those that were.
class Customer {
  public:
    explicit Customer(std::string url)
        : url_(std::move(url)), thread_([this](const std::stop_token& stop) {
              while (!stop.stop_requested()) {
                  place();
              }
          }) {}
    int acknowledged() const { return acknowledged_; }

  private:
    void place() {
        try {
            auto url = http::parse_url(url_ + "/orders");
            const auto got = http::fetch(
                Method::post,
                url,
                R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})",
                {{"Content-Type", "application/json"}}
            );
            acknowledged_ += got.status == 201 ? 1 : 0;
        } catch (const std::exception&) {
            // The gateway, or who is behind it, was in no state to answer: nothing was promised.
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }

    std::string url_;
    std::atomic<int> acknowledged_{0};
    std::jthread thread_;
};

}  // namespace

TEST_CASE("of three brokers leaders go one after the other, one of them for good: no order is lost"
) {
    shared_broker();  // says whether there can be one
    Shop shop;
    run_topic(shop.broker, "three", "create", {"--replicas", "3"});
    shop.open("three");
    int acknowledged = 0;
    int lost = 0;
    {
        const Customer customer(shop.processes().url());
        for (int strike = 0; strike < 3; ++strike) {
            const int before = customer.acknowledged();
            const int leader = shop.leader("three");
            CAPTURE(leader);
            shop.broker.kill(leader);
            REQUIRE(eventually([&] { return shop.leader("three") != leader; }, patience));
            REQUIRE(eventually([&] { return customer.acknowledged() > before + 20; }, patience));
            if (strike == 2) {
                lost = leader;  // it does not come back
                break;
            }
            shop.broker.start(leader);
            REQUIRE(eventually([&] { return shop.in_sync("three", leader); }, patience));
        }
        acknowledged = customer.acknowledged();
    }
    CHECK(lost > 0);
    CHECK(acknowledged > 60);
    REQUIRE(rests(shop.processes()));
    CHECK(std::stoi(shop.story->of("/orders", "page.totalElements")) >= acknowledged);
    all_holds_at_the_end(shop.processes(), same_events_everywhere(shop.processes()));
}

TEST_CASE("a leader that lacks the end of the log is found out by every process that had read it") {
    shared_broker();
    Shop shop("unclean.leader.election.interval.ms=1000");
    // Of the topic only two have a copy, and one is enough: what an operator is warned of.
    shop.broker.topics(
        {"--create",
         "--topic",
         "unclean",
         "--replica-assignment",
         "1:2",
         "--config",
         "message.timestamp.type=LogAppendTime",
         "--config",
         "retention.ms=-1",
         "--config",
         "min.insync.replicas=1"}
    );
    shop.open("unclean");
    REQUIRE(shop.story->order_becomes(shop.story->place_order(1, 1), "Shipped"));
    REQUIRE(shop.leader("unclean") == 1);
    shop.broker.stop(2);
    REQUIRE(eventually([&] { return !shop.in_sync("unclean", 2); }, patience));
    REQUIRE(shop.story->order_becomes(shop.story->place_order(1, 1), "Shipped"));
    REQUIRE(rests(shop.processes()));

    shop.broker.kill(1);
    shop.broker.start(2);
    shop.broker.configs(
        {"--alter",
         "--entity-type",
         "topics",
         "--entity-name",
         "unclean",
         "--add-config",
         "unclean.leader.election.enable=true"}
    );
    REQUIRE(eventually([&] { return shop.leader("unclean") == 2; }, patience));
    for (std::size_t place = 0; place < shop.processes().size(); ++place) {
        CAPTURE(place);
        const auto health = [&] { return ask_process(shop.processes(), place, "/isHealthy"); };
        REQUIRE(eventually([&] { return health().status == 500; }, patience));
        const std::string why = health().body;
        CHECK_MESSAGE(why.contains("topic.db"), why);
        CHECK_MESSAGE(why.contains("the Kafka topic unclean"), why);
    }
    // What was acknowledged is there to be read, and carried to another topic it goes on.
    CHECK(shop.story->of("/orders/2", "orderStatus") == "Shipped");
    const std::string order =
        R"({"bookId":1,"customerId":1,"quantity":1,"deliveryAddress":"busan"})";
    CHECK(shop.story->post("/orders", order).status == 503);
    shop.processes().stop_all();
    run_topic(shop.broker, "anew", "create");
    run_topic(shop.broker, "anew", "republish", shop.processes().data_dirs());
    shop.processes().set_topic("anew");
    shop.processes().start_all();
    CHECK(shop.story->order_becomes(shop.story->place_order(1, 1), "Shipped"));
    REQUIRE(rests(shop.processes()));
    all_holds_at_the_end(shop.processes(), same_events_everywhere(shop.processes()));
}

}  // namespace bookstore::test
