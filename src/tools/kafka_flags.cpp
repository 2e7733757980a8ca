#include "tools/kafka_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ranges>
#include <stdexcept>
#include <string_view>

#include "tools/options.hpp"

namespace bookstore::tools {
namespace {

/// HOST:PORT
bool is_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return false;
    }
    int port = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, port);
    return error == std::errc() && stopped == end && port > 0 && port < 65'536;
}

/// Kafka's own rule for the names of topics.
bool is_topic_name(std::string_view name) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
           name.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

void add_kafka_flags(CLI::App& app, KafkaFlags& flags, const std::string& brokers_help) {
    add_setting(app, "--kafka", flags.brokers, brokers_help);
    add_setting(app, "--kafka-topic", flags.topic, "The topic of one partition, all processes'");
    add_setting(
        app,
        "--kafka-config",
        flags.config,
        "File of NAME=VALUE lines: the Kafka client's own settings (SASL, TLS); empty: none"
    );
}

kafka::Settings read_kafka_flags(const KafkaFlags& flags) {
    for (const auto part : std::views::split(flags.brokers, ',')) {
        const std::string_view address(part.begin(), part.end());
        if (!is_address(address)) {
            throw std::runtime_error(fmt::format(
                "--kafka: {} is not HOST:PORT (several with a comma between)",
                address.empty() ? "an empty address" : address
            ));
        }
    }
    if (!is_topic_name(flags.topic)) {
        throw std::runtime_error(fmt::format(
            "--kafka-topic: {} is no name of a topic: letters, digits, '.', '_' and '-'",
            flags.topic.empty() ? "an empty text" : flags.topic
        ));
    }
    kafka::Settings settings{.brokers = flags.brokers, .topic = flags.topic};
    if (!flags.config.empty()) {
        settings.more = kafka::read_config(flags.config);
    }
    return settings;
}

}  // namespace bookstore::tools
