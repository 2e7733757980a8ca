#include "host/order_index.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "bus/topic.hpp"
#include "support/memory_vfs.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {
namespace {

/// A topic, and what it should find.
struct Log {
    MemoryVfs vfs;
    std::unique_ptr<host::OrderIndex> index;
    std::unique_ptr<bus::Topic> topic;
    std::vector<bus::Envelope> batch;
    std::map<std::int64_t, std::vector<std::int64_t>> positions;
    std::int64_t end = 0;

    Log() { open(); }
    void open() {
        topic.reset();
        storage::Database::Options options;
        options.path = "topic.db";
        options.vfs = vfs.name();
        options.migrations = {"topic"};
        topic = std::make_unique<bus::Topic>(options);
        index = std::make_unique<host::OrderIndex>();
        topic->keep(*index);
    }
    void event(std::int64_t order) {
        positions[order].push_back(++end);
        add("order-" + std::to_string(order));
    }
    void event_of_book() {
        ++end;
        add("book-1");
    }
    void flush() {
        if (!batch.empty()) {
            topic->append(batch);
            batch.clear();
        }
    }
    std::vector<std::int64_t> found(std::int64_t order) {
        std::vector<std::int64_t> all;
        for (const bus::Envelope& event : host::OrderIndex::events_of(*topic, order)) {
            all.push_back(event.position);
        }
        return all;
    }

  private:
    void add(std::string key) {
        bus::Envelope envelope;
        envelope.source = "order";
        envelope.source_position = end;
        envelope.key = std::move(key);
        envelope.type = "Noted";
        batch.push_back(std::move(envelope));
        if (batch.size() == 700) {
            flush();
        }
    }
};

}  // namespace

TEST_CASE("the events of every order are found, near or late, also by one who opens the log again"
) {
    Log log;
    SeededRandom random(7);
    std::int64_t newest = 0;
    for (int i = 0; i < 150'000; ++i) {
        if (i == 60'000 || i == 60'001 || i == 110'000) {
            log.flush();
            log.open();
        }
        const std::int64_t dice = random.below(100);
        if (dice < 30) {
            log.event(++newest);
        } else if (dice < 85) {
            log.event(std::max<std::int64_t>(1, newest - random.below(50)));
        } else if (dice < 90 && newest > 0) {
            log.event(1 + random.below(newest));  // a courier's news, say
        } else {
            log.event_of_book();
        }
    }
    log.flush();
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < 1500; ++i) {
        const std::int64_t order = i < 500 ? i + 1 : 1 + random.below(newest);
        wrong += log.found(order) != log.positions[order];
    }
    CHECK(wrong == 0);
    CHECK(log.found(newest) == log.positions[newest]);
    CHECK(log.found(newest + 1).empty());
    const storage::Reader reader = log.topic->reader();
    const auto late = reader->query_integer("SELECT count(*) FROM late");
    CHECK(late > 1'000);         // so the test is one of both ways
    CHECK(late < log.end / 10);  // and nearly all cost nothing
}

}  // namespace bookstore::test
