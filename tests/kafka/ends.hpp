#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bus/pipe.hpp"
#include "kafka/pipe.hpp"
#include "support/eventually.hpp"

namespace bookstore::test {

/// A record as the order's outbox has it at that position; the same for each call.
inline bus::Record record_at(std::int64_t position) {
    const auto id_of = [](std::int64_t number) {
        return number == 0 ? std::string() : fmt::format("00000000-0000-4000-8000-{:012x}", number);
    };
    bus::Record record;
    record.event.source = "order";
    record.event.source_position = position;
    record.event.key = fmt::format("order-{}", position % 7 + 1);
    record.event.type = "Ordered";
    record.event.time_ms = 1'600'000'000'123 + position;
    record.event.trace = fmt::format("{:015x}", position);
    record.event.payload = fmt::format(R"({{"eventType":"Ordered","id":{}}})", position);
    record.id = id_of(position);
    record.previous = id_of(position - 1);
    record.seen = {.length = position, .hash = fmt::format("{:064x}", position)};
    return record;
}

/// All that a record says, as one text.
inline std::string text_of(const bus::Record& record) {
    const bus::Envelope& event = record.event;
    return fmt::format(
        "{} {} {} {} {} {} [{}] {} {} [{}] {}:{}",
        event.position,
        event.source,
        event.source_position,
        event.key,
        event.type,
        event.time_ms,
        event.trace,
        event.payload,
        record.id,
        record.previous,
        record.seen.length,
        record.seen.hash
    );
}

/// A pipe, and all that came out of it since read_from().
class Reading {
  public:
    explicit Reading(const kafka::Settings& settings, const std::string& process = "test")
        : pipe(settings, process, [this] { ++rings; }, clock_) {}

    void from(std::int64_t offset) {
        pipe.read_from(offset);
        events.clear();
    }
    void read() {
        for (auto& event : pipe.read(100)) {
            events.push_back(std::move(event));
        }
    }
    /// Reads until it holds.
    bool until(const std::function<bool()>& condition) {
        return eventually(
            [&] {
                read();
                return condition();
            },
            std::chrono::seconds(90)
        );
    }
    template <class E>
    std::vector<E> all() const {
        std::vector<E> found;
        for (const auto& event : events) {
            if (const E* const one = std::get_if<E>(&event)) {
                found.push_back(*one);
            }
        }
        return found;
    }
    template <class E>
    bool has() const {
        return !all<E>().empty();
    }
    /// The source positions of the records that came.
    std::vector<std::int64_t> positions() const {
        std::vector<std::int64_t> list;
        for (const auto& arrived : all<bus::Arrived>()) {
            list.push_back(arrived.record ? arrived.record->event.source_position : -1);
        }
        return list;
    }
    bool acknowledged(std::int64_t count) {
        return until([&] { return pipe.stats().acknowledged >= count; });
    }

  private:
    SystemClock clock_;

  public:
    std::atomic<int> rings{0};
    kafka::Pipe pipe;
    std::vector<bus::PipeEvent> events;
};

/// first, first + 1, ... last
inline std::vector<std::int64_t> numbers(std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> list;
    for (std::int64_t number = first; number <= last; ++number) {
        list.push_back(number);
    }
    return list;
}

}  // namespace bookstore::test
