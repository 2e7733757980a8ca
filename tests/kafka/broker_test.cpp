#include "support/broker.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <ranges>
#include <thread>

#include "ends.hpp"
#include "kafka/topic_admin.hpp"

// The pipe over a real Kafka.

namespace bookstore::test {
namespace {

constexpr int limit_ms = 60'000;

/// For the cases that leave it as it is.
const Broker& broker() {
    static const Broker the_one;
    return the_one;
}

/// A topic of its own.
kafka::Settings new_topic(const Broker& at, int replicas = 1) {
    static int number = 0;
    kafka::Settings settings{.brokers = at.address(), .topic = fmt::format("topic-{}", ++number)};
    kafka::create_topic(settings, replicas, limit_ms);
    return settings;
}

void send(kafka::Pipe& pipe, std::int64_t first, std::int64_t last) {
    for (std::int64_t position = first; position <= last; ++position) {
        pipe.send(record_at(position));
    }
}

/// What somebody else writes there, without a header.
void write_foreign(const kafka::Settings& settings, const std::string& value) {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", settings.brokers.c_str(), nullptr, 0);
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    rd_kafka_topic_t* const topic = rd_kafka_topic_new(client, settings.topic.c_str(), nullptr);
    std::string copy = value;
    rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, copy.data(), copy.size(), "k", 1, nullptr);
    CHECK(rd_kafka_flush(client, limit_ms) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

TEST_CASE("what is sent comes out as it was, with offset and the broker's time") {
    const auto settings = new_topic(broker());
    const SystemClock clock;
    const std::int64_t before_ms = clock.now_ms();
    Reading reading(settings);
    reading.from(0);
    send(reading.pipe, 1, 3);
    REQUIRE(reading.until([&] { return reading.positions().size() == 3; }));
    std::int64_t offset = 0;
    for (const auto& arrived : reading.all<bus::Arrived>()) {
        CHECK(arrived.offset == offset++);
        CHECK(arrived.appended_ms >= before_ms);
        CHECK(arrived.appended_ms <= clock.now_ms());
        REQUIRE(arrived.record);
        CHECK(text_of(*arrived.record) == text_of(record_at(offset)));
    }
    CHECK_FALSE(reading.has<bus::Doubt>());
}

TEST_CASE("Kafka's console consumer prints the events' lines and nothing else") {
    const auto settings = new_topic(broker());
    Reading reading(settings);
    send(reading.pipe, 1, 3);
    REQUIRE(reading.acknowledged(3));
    std::string lines;
    for (const std::int64_t position : numbers(1, 3)) {
        lines += record_at(position).event.payload + "\n";
    }
    CHECK(broker().console_consumer(settings.topic, 3) == lines);
}

TEST_CASE("what somebody else has written comes out as none of ours") {
    const auto settings = new_topic(broker());
    write_foreign(settings, "hello");
    Reading reading(settings);
    reading.from(0);
    send(reading.pipe, 1, 1);
    REQUIRE(reading.until([&] { return reading.positions().size() == 2; }));
    const auto arrived = reading.all<bus::Arrived>();
    CHECK_FALSE(arrived[0].record);
    CHECK(arrived[0].flaw == "the header ce_specversion is missing");
    CHECK(arrived[0].offset == 0);
    CHECK(arrived[1].record);
    CHECK(arrived[1].flaw == "");
}

/// A producer of somebody else's, who writes in transactions.
class Transactions {
  public:
    explicit Transactions(const kafka::Settings& settings) {
        rd_kafka_conf_t* const conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", settings.brokers.c_str(), nullptr, 0);
        rd_kafka_conf_set(conf, "transactional.id", settings.topic.c_str(), nullptr, 0);
        client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
        topic_ = rd_kafka_topic_new(client_, settings.topic.c_str(), nullptr);
        must(rd_kafka_init_transactions(client_, limit_ms));
    }
    ~Transactions() {
        rd_kafka_topic_destroy(topic_);
        rd_kafka_destroy(client_);
    }
    Transactions(const Transactions&) = delete;
    Transactions& operator=(const Transactions&) = delete;

    void begin_and_write() {
        must(rd_kafka_begin_transaction(client_));
        std::string value = "x";
        rd_kafka_produce(topic_, 0, RD_KAFKA_MSG_F_COPY, value.data(), 1, nullptr, 0, nullptr);
        CHECK(rd_kafka_flush(client_, limit_ms) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    void commit() { must(rd_kafka_commit_transaction(client_, limit_ms)); }

  private:
    static void must(rd_kafka_error_t* error) {
        const std::string why = error == nullptr ? "" : rd_kafka_error_string(error);
        REQUIRE(why == "");
    }

    rd_kafka_t* client_;
    rd_kafka_topic_t* topic_;
};

TEST_CASE("a transaction that somebody left open holds up nobody, and where it ends is no record") {
    const auto settings = new_topic(broker());
    Transactions stranger(settings);
    Reading reading(settings);
    reading.from(0);
    stranger.begin_and_write();
    send(reading.pipe, 1, 1);
    REQUIRE(reading.until([&] { return reading.positions().size() == 2; }));
    CHECK(reading.positions() == std::vector<std::int64_t>{-1, 1});
    stranger.commit();
    REQUIRE(eventually([&] { return kafka::end_offsets(settings, limit_ms).end == 3; }));
    send(reading.pipe, 2, 2);
    REQUIRE(reading.until([&] { return reading.positions().size() == 3; }));
    CHECK(reading.all<bus::Arrived>().back().offset == 3);
    CHECK_FALSE(reading.has<bus::OutOfRange>());
    reading.from(2);
    REQUIRE(reading.until([&] { return reading.has<bus::OutOfRange>(); }));
    CHECK(
        reading.all<bus::OutOfRange>()[0].why ==
        fmt::format("{} has no record 2: the first behind it is 3", settings.topic)
    );
    Reading other(settings, "other");
    other.from(3);
    send(reading.pipe, 3, 3);
    REQUIRE(other.until([&] { return other.positions().size() == 2; }));
    reading.read();
    CHECK(reading.events.size() == 1);
}

TEST_CASE("the end of the partition is told where it is") {
    const auto settings = new_topic(broker());
    Reading reading(settings);
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.all<bus::End>()[0].offset == 0);
    send(reading.pipe, 1, 100);
    REQUIRE(reading.acknowledged(100));
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.all<bus::End>()[0].offset == 100);
    CHECK(reading.positions() == numbers(1, 100));
    reading.from(100);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.all<bus::End>()[0].offset == 100);
    CHECK(reading.positions().empty());
}

TEST_CASE("an end is told also while somebody writes without a pause") {
    const auto settings = new_topic(broker());
    std::atomic<bool> enough = false;
    std::atomic<std::int64_t> written = 0;
    std::thread writer([&] {
        Reading writing(settings);
        for (std::int64_t position = 1; !enough; ++position) {
            writing.pipe.send(record_at(position));
            writing.read();
            written = writing.pipe.stats().acknowledged;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    CHECK(eventually([&] { return written > 100; }));
    Reading reading(settings);
    for (int time = 1; time <= 3; ++time) {
        const std::int64_t before = written;
        reading.from(0);
        CHECK(reading.until([&] { return reading.has<bus::Arrived>(); }));
        // Where it ends now, it has come to before it has read much more.
        const auto most = static_cast<std::size_t>(written + 1000);
        reading.until([&] { return reading.has<bus::End>() || reading.positions().size() > most; });
        CHECK(reading.has<bus::End>());
        if (reading.has<bus::End>()) {
            // What stood there when it began to read was before that end.
            CHECK(reading.all<bus::End>()[0].offset >= before);
        }
    }
    enough = true;
    writer.join();
}

TEST_CASE("a topic that was made anew and is shorter is out of range") {
    const auto settings = new_topic(broker());
    Reading reading(settings);
    reading.from(0);
    send(reading.pipe, 1, 10);
    REQUIRE(reading.until([&] { return reading.positions().size() == 10; }));
    broker().delete_topic(settings.topic);
    REQUIRE(reading.until([&] { return reading.has<bus::Doubt>(); }));
    // The broker takes a moment to forget it.
    REQUIRE(eventually([&] {
        try {
            kafka::create_topic(settings, 1, limit_ms);
            return true;
        } catch (const std::runtime_error&) {
            return false;
        }
    }));
    Reading other(settings, "other");
    send(other.pipe, 1, 3);
    REQUIRE(other.acknowledged(3));
    reading.from(9);
    REQUIRE(reading.until([&] { return reading.has<bus::OutOfRange>(); }));
    CHECK(reading.positions().empty());
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.positions() == numbers(1, 3));
}

TEST_CASE("a topic that begins behind what is asked for is out of range") {
    const auto settings = new_topic(broker());
    Reading reading(settings);
    send(reading.pipe, 1, 10);
    REQUIRE(reading.acknowledged(10));
    // What Kafka's kafka-delete-records.sh does.
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", settings.brokers.c_str(), nullptr, 0);
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, settings.topic.c_str(), 0)->offset = 5;
    rd_kafka_DeleteRecords_t* deletion = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t* const answers = rd_kafka_queue_new(client);
    rd_kafka_DeleteRecords(client, &deletion, 1, nullptr, answers);
    rd_kafka_event_destroy(rd_kafka_queue_poll(answers, limit_ms));
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteRecords_destroy(deletion);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    REQUIRE(kafka::end_offsets(settings, limit_ms).begin == 5);
    CHECK(kafka::end_offsets(settings, limit_ms).end == 10);
    reading.from(4);
    REQUIRE(reading.until([&] { return reading.has<bus::OutOfRange>(); }));
    CHECK(reading.positions().empty());
    reading.from(5);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    CHECK(reading.positions() == numbers(6, 10));
}

TEST_CASE("a missing topic is a doubt, and is read when it is there") {
    const kafka::Settings settings{.brokers = broker().address(), .topic = "not-yet"};
    Reading reading(settings);
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.has<bus::Doubt>(); }));
    CHECK(reading.all<bus::Doubt>()[0].why.contains("Unknown topic or partition"));
    CHECK_FALSE(kafka::verify_topic(settings, limit_ms).empty());
    kafka::create_topic(settings, 1, limit_ms);
    Reading other(settings, "other");
    send(other.pipe, 1, 1);
    REQUIRE(other.acknowledged(1));
    REQUIRE(reading.until([&] { return reading.positions().size() == 1; }));
}

TEST_CASE("what is sent to a topic that is missing fails, and arrives once it is there") {
    const kafka::Settings settings{.brokers = broker().address(), .topic = "not-there"};
    Reading reading(settings);
    send(reading.pipe, 1, 1);
    REQUIRE(reading.until([&] { return reading.pipe.sending_failed().has_value(); }));
    kafka::create_topic(settings, 1, limit_ms);
    reading.pipe.restart_sending();
    send(reading.pipe, 1, 2);
    reading.from(0);
    REQUIRE(reading.until([&] { return reading.positions().size() == 2; }));
    CHECK(reading.positions() == numbers(1, 2));
}

TEST_CASE("what was read is shown to those who look at the group") {
    const auto settings = new_topic(broker());
    Reading reading(settings, "delivery");
    reading.from(0);
    send(reading.pipe, 1, 7);
    REQUIRE(reading.until([&] { return reading.positions().size() == 7; }));
    reading.pipe.note_read(3);
    reading.pipe.note_read(5);
    std::string shown;
    const bool told = eventually(
        [&] {
            reading.read();
            shown = broker().groups({"--describe", "--group", "bookstore-delivery"});
            return shown.contains(fmt::format("{:<15} 0          5               7", settings.topic)
            );
        },
        std::chrono::seconds(60)
    );
    INFO(shown);
    CHECK(told);
}

/// Sends 1 to `count`, and does `trouble` once a sixth was acknowledged and a third is out.
void send_through(Reading& reading, std::int64_t count, const std::function<void()>& trouble) {
    for (std::int64_t position = 1; position <= count; ++position) {
        reading.pipe.send(record_at(position));
        reading.read();
        if (position == count / 3) {
            REQUIRE(reading.until([&] { return reading.pipe.stats().acknowledged > count / 6; }));
            trouble();
        }
    }
}

TEST_CASE("nothing is lost, doubled or reordered when the broker is killed and comes back") {
    Broker own;
    const auto settings = new_topic(own);
    Reading reading(settings);
    reading.from(0);
    constexpr std::int64_t count = 3000;
    send_through(reading, count, [&] { own.kill(); });
    CHECK(reading.until([&] { return reading.has<bus::Doubt>(); }));
    CHECK_FALSE(reading.pipe.sending_failed());
    own.start();
    REQUIRE(reading.acknowledged(count));
    REQUIRE(reading.until([&] { return reading.positions().size() >= count; }));
    CHECK(reading.positions() == numbers(1, count));
    CHECK_FALSE(reading.pipe.sending_failed());
    CHECK_FALSE(reading.has<bus::OutOfRange>());
    Reading anew(settings, "anew");
    anew.from(0);
    REQUIRE(anew.until([&] { return anew.has<bus::End>(); }));
    CHECK(anew.positions() == numbers(1, count));
    // A kill is a doubt, and not one for each time that the client tries again.
    CHECK(reading.all<bus::Doubt>().size() <= 3);
}

TEST_CASE("a frozen broker holds up nobody, and what is sent anew arrives after it thawed") {
    Broker own;
    const auto settings = new_topic(own);
    Reading reading(settings);
    reading.from(0);
    send(reading.pipe, 1, 5);
    REQUIRE(reading.acknowledged(5));
    own.freeze();
    send(reading.pipe, 6, 8);
    reading.pipe.restart_sending();
    send(reading.pipe, 9, 12);
    reading.pipe.read_from(5);
    reading.read();
    CHECK_THROWS_AS(kafka::verify_topic(settings, 1000), kafka::Unreachable);
    CHECK_THROWS_AS(kafka::end_offsets(settings, 1000), kafka::Unreachable);
    CHECK_THROWS_AS(kafka::create_topic(settings, 1, 1000), kafka::Unreachable);
    own.thaw();
    REQUIRE(reading.acknowledged(9));
    reading.from(5);
    REQUIRE(reading.until([&] { return reading.has<bus::End>(); }));
    auto positions = reading.positions();
    // What was under way when sending began anew may have arrived all the same.
    std::erase_if(positions, [](std::int64_t position) { return position < 9; });
    CHECK(positions == numbers(9, 12));
}

TEST_CASE("of three brokers one may go, also the one that leads") {
    Broker three(3);
    const auto settings = new_topic(three, 3);
    for (const auto& fault : kafka::verify_topic(settings, limit_ms)) {
        FAIL_CHECK(fault.what);
    }
    Reading reading(settings);
    reading.from(0);
    constexpr std::int64_t count = 3000;
    int leader = 0;
    send_through(reading, count, [&] {
        const std::string told = three.topics({"--describe", "--topic", settings.topic});
        leader = std::stoi(told.substr(told.find("Leader: ") + 8));
        three.kill(leader);
    });
    REQUIRE(reading.acknowledged(count));
    REQUIRE(reading.until([&] { return reading.positions().size() >= count; }));
    CHECK(reading.positions() == numbers(1, count));
    CHECK(reading.has<bus::Doubt>());
    CHECK_FALSE(reading.pipe.sending_failed());
    three.start(leader);
    three.configs(
        {"--alter",
         "--entity-type",
         "topics",
         "--entity-name",
         settings.topic,
         "--add-config",
         "min.insync.replicas=1"}
    );
    std::vector<kafka::TopicFault> faults;
    REQUIRE(eventually([&] {
        faults = kafka::verify_topic(settings, limit_ms);
        return !faults.empty();
    }));
    REQUIRE(faults.size() == 1);
    CHECK(
        faults[0].what == fmt::format("min.insync.replicas of topic {} is 1, not 2", settings.topic)
    );
}

}  // namespace
}  // namespace bookstore::test
