#include <doctest/doctest.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>

#include "ends.hpp"
#include "support/seeds.hpp"

// The pipe over librdkafka's mock cluster: what is hard to have a real broker do. The mock knows no
// idempotence and no admin requests, and data that come do not wake a fetch that waits.

namespace bookstore::test {
namespace {

constexpr std::int16_t api_produce = 0;
constexpr std::int16_t api_fetch = 1;

class MockCluster {
  public:
    explicit MockCluster(int brokers = 1)
        : client_(rd_kafka_new(RD_KAFKA_PRODUCER, silent(), nullptr, 0)),
          cluster_(rd_kafka_mock_cluster_new(client_, brokers)) {
        rd_kafka_mock_topic_create(cluster_, "events", 1, brokers);
    }
    /// The mock's thread notices within a second, for which no case waits.
    ~MockCluster() {
        static std::vector<std::jthread> ending;
        ending.emplace_back([client = client_, cluster = cluster_] {
            rd_kafka_mock_cluster_destroy(cluster);
            rd_kafka_destroy(client);
        });
    }
    MockCluster(const MockCluster&) = delete;
    MockCluster& operator=(const MockCluster&) = delete;

    kafka::Settings settings() const {
        return {
            .brokers = rd_kafka_mock_cluster_bootstraps(cluster_),
            .topic = "events",
            .more = {{"fetch.wait.max.ms", "5"}}
        };
    }
    void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
    void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }
    void led_by(int broker) { rd_kafka_mock_partition_set_leader(cluster_, "events", 0, broker); }
    /// Each answer takes so long.
    void slow(int ms) { rd_kafka_mock_broker_set_rtt(cluster_, 1, ms); }
    /// The next request of that kind is answered so.
    void refuse(std::int16_t api, rd_kafka_resp_err_t error) {
        rd_kafka_mock_push_request_errors(cluster_, api, 1, error);
    }

  private:
    /// It would warn that it has no brokers. The client that takes it destroys it.
    static rd_kafka_conf_t* silent() {
        rd_kafka_conf_t* const conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        return conf;
    }

    rd_kafka_t* client_;
    rd_kafka_mock_cluster_t* cluster_;
};

void send(kafka::Pipe& pipe, std::int64_t first, std::int64_t last) {
    for (std::int64_t position = first; position <= last; ++position) {
        pipe.send(record_at(position));
    }
}

/// The events of that kind that came, and no others, say these offsets.
std::vector<std::int64_t> ends_of(const Reading& reading) {
    std::vector<std::int64_t> offsets;
    for (const auto& end : reading.all<bus::End>()) {
        offsets.push_back(end.offset);
    }
    return offsets;
}

TEST_CASE("nothing comes before somebody has said from where") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    send(reading.pipe, 1, 3);
    REQUIRE(reading.acknowledged(3));
    cluster.down();
    REQUIRE(reading.until([&] { return reading.pipe.stats().reconnects > 0; }));
    CHECK(reading.events.empty());
    cluster.up();
    reading.from(1);
    REQUIRE(reading.until([&] { return reading.positions().size() == 2; }));
    CHECK(reading.positions() == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("brokers that are away at the start are waited for, in one doubt") {
    MockCluster cluster;
    cluster.down();
    Reading reading(cluster.settings());
    reading.from(0);
    send(reading.pipe, 1, 5);
    REQUIRE(reading.until([&] { return reading.has<bus::Doubt>(); }));
    CHECK_FALSE(reading.pipe.stats().connected);
    CHECK(reading.pipe.stats().sent == 5);
    CHECK(reading.pipe.stats().acknowledged == 0);
    CHECK_FALSE(reading.pipe.sending_failed());
    // Somebody who begins anew is told nothing new, as long as nothing has come.
    reading.pipe.read_from(0);
    cluster.up();
    REQUIRE(reading.until([&] { return reading.positions().size() == 5; }));
    CHECK(reading.positions() == numbers(1, 5));
    CHECK(reading.all<bus::Doubt>().size() == 1);
    CHECK_FALSE(reading.pipe.sending_failed());
    CHECK(reading.pipe.stats().connected);
}

TEST_CASE("a broker that goes is one doubt, whatever the client says of it") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    cluster.down();
    REQUIRE(reading.until([&] { return reading.has<bus::Doubt>(); }));
    // Statistics come every second; it goes on trying meanwhile.
    const int before = reading.rings;
    REQUIRE(reading.until([&] { return reading.rings >= before + 6; }));
    CHECK_FALSE(reading.pipe.stats().connected);
    cluster.up();
    send(reading.pipe, 1, 1);
    REQUIRE(reading.until([&] { return reading.positions().size() == 1; }));
    CHECK(reading.all<bus::Doubt>().size() == 1);
}

TEST_CASE("a lost connection is told each time, also when it is soon back") {
    // The client tells of the first within 30 s alone; of one broker, that all are down.
    MockCluster cluster(3);
    cluster.led_by(1);
    Reading reading(cluster.settings());
    reading.from(0);
    for (int time = 1; time <= 3; ++time) {
        CAPTURE(time);
        send(reading.pipe, time, time);
        REQUIRE(reading.until([&] { return reading.positions().size() == std::size_t(time); }));
        const auto doubts = reading.all<bus::Doubt>().size();
        cluster.refuse(api_fetch, RD_KAFKA_RESP_ERR__TRANSPORT);  // it hangs up
        REQUIRE(reading.until([&] { return reading.all<bus::Doubt>().size() > doubts; }));
    }
    CHECK(reading.positions() == numbers(1, 3));
    CHECK(reading.until([&] { return reading.pipe.stats().reconnects >= 3; }));
}

TEST_CASE("another leader is a doubt") {
    MockCluster cluster(3);
    cluster.led_by(1);
    Reading reading(cluster.settings());
    reading.from(0);
    send(reading.pipe, 1, 1);
    REQUIRE(reading.until([&] { return reading.positions().size() == 1; }));
    reading.from(1);
    // The first move may come before the client has told who led before.
    for (int leader = 2; leader < 30 && !reading.has<bus::Doubt>(); ++leader) {
        cluster.led_by(leader % 3 + 1);
        const auto told = [&reading] {
            reading.read();
            return reading.has<bus::Doubt>();
        };
        eventually(told, std::chrono::seconds(4));
    }
    REQUIRE(reading.has<bus::Doubt>());
    CHECK(reading.all<bus::Doubt>()[0].why.ends_with(" leads the partition now"));
}

TEST_CASE("a partition that may not be read is a doubt, and is asked again") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    send(reading.pipe, 1, 1);
    REQUIRE(reading.acknowledged(1));
    cluster.refuse(api_fetch, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.positions().size() == 1; }));
    REQUIRE(reading.all<bus::Doubt>().size() == 1);
    CHECK(reading.all<bus::Doubt>()[0].why.contains("authorization failed"));
}

TEST_CASE("the end is told once for each offset, and anew to who reads anew") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    send(reading.pipe, 1, 2);
    REQUIRE(reading.until([&] { return ends_of(reading).back() == 2; }));
    send(reading.pipe, 3, 3);
    REQUIRE(reading.until([&] { return ends_of(reading).back() == 3; }));
    const auto ends = ends_of(reading);
    CHECK(std::ranges::is_sorted(ends, std::ranges::less_equal()));  // none of them twice
    CHECK(ends_of(reading).front() == 0);
    reading.from(3);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(ends_of(reading) == std::vector<std::int64_t>{3});
    CHECK(reading.positions().empty());
    reading.from(2);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.positions() == numbers(3, 3));
    CHECK(reading.pipe.stats().behind == 0);
}

TEST_CASE("what is asked for beyond the end is out of range, and nothing comes behind that") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    send(reading.pipe, 1, 3);
    REQUIRE(reading.acknowledged(3));
    reading.from(4);
    REQUIRE(reading.until([&] { return reading.has<bus::OutOfRange>(); }));
    CHECK(reading.all<bus::OutOfRange>()[0].why.starts_with("events has no offset 4: "));
    send(reading.pipe, 4, 6);
    REQUIRE(reading.acknowledged(6));
    CHECK(reading.events.size() == 1);
    reading.from(4);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.positions() == numbers(5, 6));
}

TEST_CASE("what was out of range for who asked before is not for who asks now") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    send(reading.pipe, 1, 3);
    REQUIRE(reading.acknowledged(3));
    cluster.slow(60);
    for (int wait_ms = 0; wait_ms <= 120; wait_ms += 10) {
        CAPTURE(wait_ms);
        // Its answer comes when others have been asked for.
        reading.pipe.read_from(100);
        std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
        reading.from(1);
        REQUIRE(reading.until([&] { return reading.events.size() >= 3; }));
        CHECK(reading.positions() == numbers(2, 3));
        CHECK(ends_of(reading) == std::vector<std::int64_t>{3});
    }
}

TEST_CASE("what was more than somebody wanted does not come to who reads anew") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    send(reading.pipe, 1, 3);
    REQUIRE(reading.acknowledged(3));
    reading.pipe.read_from(2);
    REQUIRE(eventually([&] { return !reading.pipe.read(1).empty(); }));
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    REQUIRE(reading.events.size() == 4);
    CHECK(std::holds_alternative<bus::End>(reading.events.back()));
}

TEST_CASE("whoever reads anew gets nothing of before, whatever was under way") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    constexpr std::int64_t count = 300;
    send(reading.pipe, 1, count);
    REQUIRE(reading.acknowledged(count));
    for (std::uint64_t seed = 1; seed <= seeds(200); ++seed) {
        CAPTURE(seed);
        std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
        const auto below = [&random](std::int64_t bound) {
            return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random);
        };
        // Some are out of range, and nobody waits until that is told.
        reading.pipe.read_from(below(2 * count));
        std::this_thread::sleep_for(std::chrono::microseconds(below(3000)));
        if (below(2) == 0) {
            reading.pipe.read(static_cast<std::size_t>(below(20)));
        }
        const std::int64_t from = below(count);
        reading.from(from);
        REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
        REQUIRE(reading.positions() == numbers(from + 1, count));
        REQUIRE_FALSE(reading.has<bus::OutOfRange>());
        REQUIRE(ends_of(reading) == std::vector<std::int64_t>{count});
    }
}

TEST_CASE("no more comes at once than was asked for") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    send(reading.pipe, 1, 10);
    REQUIRE(reading.acknowledged(10));
    reading.pipe.read_from(0);
    std::size_t records = 0;
    REQUIRE(eventually([&] {
        const auto events = reading.pipe.read(2);
        CHECK(events.size() <= 2);
        for (const auto& event : events) {
            records += std::holds_alternative<bus::Arrived>(event) ? 1 : 0;
        }
        return records == 10;
    }));
    CHECK(reading.pipe.stats().read == 10);
}

TEST_CASE("the bell rings when something comes") {
    MockCluster cluster;
    Reading writing(cluster.settings());
    Reading reading(cluster.settings());
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    for (std::int64_t position = 1; position <= 5; ++position) {
        // Whoever reads only when it rings misses nothing.
        int heard = reading.rings;
        reading.read();
        send(writing.pipe, position, position);
        const bool came = eventually([&] {
            writing.read();
            if (heard == reading.rings) {
                return false;
            }
            heard = reading.rings;
            reading.read();
            return reading.positions().size() == static_cast<std::size_t>(position);
        });
        REQUIRE(came);
    }
}

TEST_CASE("a record that the broker refuses fails what is sent, until sending begins anew") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    reading.from(0);
    cluster.refuse(api_produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    send(reading.pipe, 1, 3);
    REQUIRE(reading.until([&] { return reading.pipe.sending_failed().has_value(); }));
    CHECK(reading.pipe.sending_failed()->contains("authorization failed"));
    send(reading.pipe, 4, 5);
    CHECK(reading.pipe.stats().failed >= 1);
    reading.pipe.restart_sending();
    CHECK_FALSE(reading.pipe.sending_failed());
    send(reading.pipe, 6, 8);
    REQUIRE(reading.until([&] { return reading.positions().size() >= 3; }));
    CHECK(reading.positions() == numbers(6, 8));
}

TEST_CASE("a record that is too long for the client fails what is sent behind it") {
    MockCluster cluster;
    Reading reading(cluster.settings());
    reading.from(0);
    send(reading.pipe, 1, 1);
    REQUIRE(reading.acknowledged(1));
    bus::Record long_one = record_at(2);
    long_one.event.payload.assign(2'000'000, ' ');
    reading.pipe.send(long_one);
    send(reading.pipe, 3, 3);
    REQUIRE(reading.pipe.sending_failed());
    CHECK(reading.pipe.sending_failed()->contains("Message size too large"));
    // When another's has come, the third would have.
    Reading other(cluster.settings());
    send(other.pipe, 100, 100);
    REQUIRE(reading.until([&] { return reading.positions().size() >= 2; }));
    reading.pipe.restart_sending();
    send(reading.pipe, 2, 4);
    REQUIRE(reading.until([&] { return reading.positions().size() >= 5; }));
    CHECK(reading.positions() == std::vector<std::int64_t>{1, 100, 2, 3, 4});
}

TEST_CASE("what the client has no place for goes in its turn") {
    MockCluster cluster;
    auto settings = cluster.settings();
    settings.more.push_back({"queue.buffering.max.messages", "10"});
    cluster.down();
    Reading reading(settings);
    reading.from(0);
    send(reading.pipe, 1, 500);
    CHECK_FALSE(reading.pipe.sending_failed());
    cluster.up();
    REQUIRE(reading.until([&] { return reading.positions().size() >= 500; }));
    CHECK(reading.positions() == numbers(1, 500));
    REQUIRE(reading.acknowledged(500));
    CHECK(reading.pipe.stats().sent == 500);
    CHECK(reading.pipe.stats().failed == 0);
}

TEST_CASE("what was sent before sending began anew is forgotten") {
    MockCluster cluster;
    cluster.down();
    auto settings = cluster.settings();
    settings.more.push_back({"queue.buffering.max.messages", "10"});
    Reading reading(settings);
    reading.from(0);
    send(reading.pipe, 1, 50);
    reading.pipe.restart_sending();
    send(reading.pipe, 51, 60);
    cluster.up();
    REQUIRE(reading.until([&] { return reading.positions().size() >= 10; }));
    CHECK(reading.positions() == numbers(51, 60));
}

}  // namespace
}  // namespace bookstore::test
