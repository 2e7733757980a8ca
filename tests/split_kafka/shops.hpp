#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/story.hpp"
#include "support/invariants.hpp"
#include "support/kafka_shop.hpp"

namespace bookstore::test {

/// A shop in that form, with its own topic of the broker that all cases share, and the operators'
/// paths behind its gateway.
inline std::unique_ptr<KafkaShop> shop_in(
    Form form, std::vector<std::string> flags = {}, bool starts = true, std::string topic = {}
) {
    return std::make_unique<KafkaShop>(
        std::move(form),
        KafkaShopOptions{
            .flags = std::move(flags),
            .gateway = {.operators = true},
            .broker = &shared_broker(),
            .topic = std::move(topic),
            .starts = starts,
            .peer_ms = "30000"
        }
    );
}

/// What one process answers, past the gateway.
inline Answer ask_process(
    KafkaShop& shop, std::size_t place, const std::string& target, const std::string& json = {}
) {
    const auto got =
        json.empty() ? shop.process(place).get(target) : shop.process(place).post(target, json);
    return {got.status, got.headers, got.body};
}

inline std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

/// Nothing is under way any more.
inline bool rests(KafkaShop& shop) {
    return eventually([&] { return all_hold(shop.data_dirs()); }, std::chrono::seconds(90));
}

/// The files of a context, or of the topic, to another directory. Nobody holds either.
inline void move_file(const std::string& name, const std::string& from, const std::string& to) {
    for (const std::string end : {".db", ".db-wal", ".db-shm"}) {
        const std::string file = fmt::format("{}/{}{}", from, name, end);
        if (std::filesystem::exists(file)) {
            std::filesystem::rename(file, fmt::format("{}/{}{}", to, name, end));
        }
    }
}

/// At rest, all processes print the same events, and Kafka's own console consumer prints the very
/// bytes; there is no record more. Returns them.
inline std::string same_events_everywhere(KafkaShop& shop) {
    const std::string events = shop.events_of(0);
    CHECK(lines_of(events) > 0);
    for (std::size_t place = 1; place < shop.size(); ++place) {
        CAPTURE(place);
        CHECK((!shop.runs(place) || shop.events_of(place) == events));
    }
    CHECK(shop.console_consumer(lines_of(events)) == events);
    const std::string told = run_topic(shop.broker(), shop.topic(), "verify").out;
    CHECK_MESSAGE(told.contains(fmt::format("offsets 0 to {}\n", lines_of(events))), told);
    return events;
}

/// Stops all; every directory has the events, and everything holds over all of them.
inline void all_holds_at_the_end(KafkaShop& shop, const std::string& events) {
    shop.stop_all();
    for (const std::string& directory : shop.data_dirs()) {
        CAPTURE(directory);
        CHECK(run_bookstore({"events", "--from-beginning", "--data-dir", directory}).out == events);
        const std::string told =
            run_topic(shop.broker(), shop.topic(), "verify", {"--data-dir", directory}).out;
        CHECK_MESSAGE(told.contains("are the first ones of it; 0 more are to be read"), told);
    }
    const Finished checked = shop.check();
    CHECK_MESSAGE(checked.status == 0, checked.out << checked.error);
    CHECK_MESSAGE(checked.out.contains("everything holds"), checked.out);
    CHECK_MESSAGE(!checked.out.contains("not compared"), checked.out);
}

}  // namespace bookstore::test
