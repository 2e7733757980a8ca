#include "kafka/settings.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <stdexcept>

#include "kafka/statistics.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {
namespace {

/// What is said of a file with that text; empty when it is read.
std::string said_of(const std::string& text) {
    const TemporaryDirectory files;
    const std::string path = files.path() + "/kafka.properties";
    std::ofstream(path) << text;
    try {
        kafka::read_config(path);
    } catch (const std::runtime_error& error) {
        const std::string said = error.what();
        REQUIRE(said.starts_with(path + ":"));
        return said.substr(path.size() + 1);
    }
    return {};
}

TEST_CASE("a file of settings is read line by line") {
    const TemporaryDirectory files;
    const std::string path = files.path() + "/kafka.properties";
    std::ofstream(path) << "# to the brokers\r\n"
                           "\n"
                           "security.protocol=ssl\r\n"
                           "  ssl.ca.location = ca=1.pem \n"
                           "\t# sasl.mechanism=PLAIN\n"
                           "linger.ms=5";
    const auto settings = kafka::read_config(path);
    REQUIRE(settings.size() == 3);
    CHECK(settings[0].name == "security.protocol");
    CHECK(settings[0].value == "ssl");
    CHECK(settings[1].name == "ssl.ca.location");
    CHECK(settings[1].value == "ca=1.pem");
    CHECK(settings[2].value == "5");
}

TEST_CASE("what is wrong in a file of settings is said with its line") {
    CHECK(said_of("\nsecurity.protocol") == "2: is no NAME=VALUE");
    CHECK(said_of("=ssl") == "1: has no name in front of the =");
    CHECK(said_of("linger.ms=5\nlinger.ms=5") == "2: says linger.ms again");
    CHECK(said_of("#\nfast=yes") == "2: fast is no setting that the client knows");
    CHECK(said_of("linger.ms=soon").starts_with("1: linger.ms cannot be set to that: "));
    const std::string own = " is not to be set: the bookstore does it itself";
    for (const std::string name :
         {"enable.idempotence",
          "acks",
          "auto.offset.reset",
          "enable.auto.commit",
          "bootstrap.servers",
          "group.id",
          "message.timeout.ms",
          "transactional.id"}) {
        CHECK(said_of(name + "=all") == "1: " + name + own);
    }
    CHECK_THROWS_WITH_AS(
        kafka::read_config("/nowhere"), "cannot read /nowhere", std::runtime_error
    );
    // A directory can be opened.
    CHECK_THROWS_AS(kafka::read_config("/"), std::runtime_error);
}

constexpr std::string_view statistics = R"({
    "name": "bookstore#consumer-1", "type": "consumer",
    "brokers": {
        "a:9092/1": {"nodeid": 1, "source": "learned", "state": "UP", "disconnects": 2,
                     "rtt": {"avg": 1500}},
        "b:9092/2": {"nodeid": 2, "source": "configured", "state": "DOWN", "disconnects": 3,
                     "rtt": {"avg": 9000}},
        "GroupCoordinator": {"nodeid": 2, "source": "logical", "state": "UP", "disconnects": 40,
                             "rtt": {"avg": 7000}},
        "c:9092/bootstrap": {"nodeid": -1, "source": "configured", "state": "INIT"}
    },
    "topics": {"cnabookstore": {"partitions": {"0": {"leader": 1}, "-1": {"leader": -1}}}}
})";

TEST_CASE("what is needed of the client's statistics is found") {
    const auto found = kafka::parse_statistics(statistics, "cnabookstore");
    REQUIRE(found);
    CHECK(found->leader == 1);
    CHECK(found->up);
    CHECK(found->disconnects == 45);
    CHECK(found->round_trip_us == 1500);
    std::string led_by_2(statistics);
    led_by_2.replace(led_by_2.find("\"leader\": 1"), 11, "\"leader\": 2");
    const auto other = kafka::parse_statistics(led_by_2, "cnabookstore");
    REQUIRE(other);
    CHECK(other->leader == 2);
    CHECK_FALSE(other->up);  // but for who coordinates the group
    CHECK(other->round_trip_us == 9000);
}

TEST_CASE("where no leader is known, any broker counts as one") {
    const auto found = kafka::parse_statistics(statistics, "another");
    REQUIRE(found);
    CHECK_FALSE(found->leader);
    CHECK(found->up);
    CHECK_FALSE(kafka::parse_statistics("{}", "cnabookstore")->up);
    CHECK_FALSE(kafka::parse_statistics("[]", "cnabookstore"));
    CHECK_FALSE(kafka::parse_statistics("{", "cnabookstore"));
    CHECK(kafka::parse_statistics(R"({"brokers": 1, "topics": []})", "cnabookstore"));
}

}  // namespace
}  // namespace bookstore::test
