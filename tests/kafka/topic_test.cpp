#include <doctest/doctest.h>
#include <fmt/format.h>

#include <stdexcept>

#include "ends.hpp"
#include "kafka/topic_admin.hpp"
#include "support/broker.hpp"

namespace bookstore::test {
namespace {

constexpr int limit_ms = 60'000;

/// It would make any topic that a producer asks for.
Broker& broker() {
    static Broker the_one(1, "auto.create.topics.enable=true");
    return the_one;
}

kafka::Settings settings_of(const std::string& topic) {
    return {.brokers = broker().address(), .topic = topic};
}

/// A line a fault.
std::string said_of(const kafka::Settings& settings) {
    std::string text;
    for (const auto& fault : kafka::verify_topic(settings, limit_ms)) {
        text += fault.what + "\n";
    }
    return text;
}

TEST_CASE("a topic that was created is as it must be, and empty") {
    const auto settings = settings_of("created");
    kafka::create_topic(settings, 1, limit_ms);
    CHECK(said_of(settings) == "");
    CHECK(kafka::is_empty(settings, limit_ms));
    const std::string told = broker().topics({"--describe", "--topic", "created"});
    INFO(told);
    for (const std::string part :
         {"PartitionCount: 1",
          "message.timestamp.type=LogAppendTime",
          "cleanup.policy=delete",
          "retention.ms=-1",
          "retention.bytes=-1",
          "unclean.leader.election.enable=false",
          "min.insync.replicas=1"}) {
        CHECK(told.contains(part));
    }
    Reading reading(settings);
    reading.pipe.send(record_at(1));
    REQUIRE(reading.acknowledged(1));
    CHECK_FALSE(kafka::is_empty(settings, limit_ms));
}

TEST_CASE("a topic that is there already, or cannot be, is not created") {
    const auto settings = settings_of("twice");
    kafka::create_topic(settings, 1, limit_ms);
    const auto said = [](const kafka::Settings& of, int replicas) -> std::string {
        try {
            kafka::create_topic(of, replicas, limit_ms);
        } catch (const kafka::Unreachable&) {
            return "unreachable";
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return {};
    };
    CHECK(said(settings, 1).contains("already exists"));
    CHECK(said(settings_of("too-many"), 2).contains("replication factor"));
    CHECK(said(settings_of("no name"), 1) != "");
    CHECK(said(settings_of("no name"), 1) != "unreachable");
}

TEST_CASE("a missing topic is told with the command that makes it, and nothing makes it") {
    const auto settings = settings_of("missing");
    for (int time = 1; time <= 2; ++time) {
        const auto faults = kafka::verify_topic(settings, limit_ms);
        REQUIRE(faults.size() == 1);
        CHECK(faults[0].what == "there is no topic missing");
        CHECK(
            faults[0].command ==
            fmt::format("bookstore topic create --kafka {} --kafka-topic missing", settings.brokers)
        );
    }
    CHECK_THROWS_AS(kafka::end_offsets(settings, 2000), std::runtime_error);
    {
        Reading reading(settings);
        reading.from(0);
        reading.pipe.send(record_at(1));
        REQUIRE(reading.until([&] { return reading.pipe.sending_failed().has_value(); }));
    }
    CHECK_FALSE(broker().topics({"--list"}).contains("missing"));
}

TEST_CASE("what is wrong with a topic is told, and its commands mend it") {
    const auto settings = settings_of("wrong");
    broker().create_topic(
        settings.topic,
        {"message.timestamp.type=CreateTime",
         "cleanup.policy=compact",
         "retention.ms=604800000",
         "retention.bytes=1000000",
         "min.insync.replicas=2",
         "unclean.leader.election.enable=true"}
    );
    CHECK(
        said_of(settings) ==
        "message.timestamp.type of topic wrong is CreateTime, not LogAppendTime\n"
        "cleanup.policy of topic wrong is compact, not delete\n"
        "retention.ms of topic wrong is 604800000, not -1\n"
        "retention.bytes of topic wrong is 1000000, not -1\n"
        "unclean.leader.election.enable of topic wrong is true, not false\n"
        "min.insync.replicas of topic wrong is 2, not 1\n"
    );
    std::size_t left = 6;
    for (const auto& fault : kafka::verify_topic(settings, limit_ms)) {
        // As it stands there, but for where the tool is.
        const std::string start =
            fmt::format("kafka-configs.sh --bootstrap-server {} ", settings.brokers);
        REQUIRE(fault.command.starts_with(start));
        std::vector<std::string> words;
        std::string_view rest = std::string_view(fault.command).substr(start.size());
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(' '), rest.size());
            words.emplace_back(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        broker().configs(words);
        --left;
        CHECK(eventually([&] { return kafka::verify_topic(settings, limit_ms).size() == left; }));
    }
    CHECK(said_of(settings) == "");
}

TEST_CASE("a topic with several partitions is told") {
    const auto settings = settings_of("parted");
    kafka::create_topic(settings, 1, limit_ms);
    broker().topics({"--alter", "--topic", settings.topic, "--partitions", "3"});
    CHECK(eventually([&] {
        return said_of(settings) == "the topic parted has 3 partitions, not 1\n";
    }));
    CHECK(kafka::verify_topic(settings, limit_ms)[0].command.contains("--kafka-topic parted-1"));
}

TEST_CASE("brokers that are away are told from a topic that is wrong") {
    const kafka::Settings settings{.brokers = "127.0.0.1:1"};
    CHECK_THROWS_AS(kafka::verify_topic(settings, 300), kafka::Unreachable);
    CHECK_THROWS_AS(kafka::create_topic(settings, 1, 300), kafka::Unreachable);
    CHECK_THROWS_AS(kafka::end_offsets(settings, 300), kafka::Unreachable);
}

}  // namespace
}  // namespace bookstore::test
