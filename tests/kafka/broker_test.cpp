#include "support/broker.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <thread>

#include "ends.hpp"
#include "kafka/topic_admin.hpp"

// The pipe over a real Kafka.

namespace bookstore::test {
namespace {

/// For the cases that leave it as it is.
const Broker& broker() {
    static const Broker the_one;
    return the_one;
}

constexpr int limit_ms = 60'000;

/// A topic of its own.
kafka::Settings new_topic(const Broker& at) {
    static int number = 0;
    kafka::Settings settings{.brokers = at.address(), .topic = fmt::format("topic-{}", ++number)};
    kafka::create_topic(settings, 1, limit_ms);
    return settings;
}

void send(kafka::Pipe& pipe, std::int64_t first, std::int64_t last) {
    for (std::int64_t position = first; position <= last; ++position) {
        pipe.send(record_at(position));
    }
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
}

}  // namespace
}  // namespace bookstore::test
