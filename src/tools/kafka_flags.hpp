#pragma once

#include <string>
#include <string_view>

#include "kafka/settings.hpp"

namespace CLI {
class App;
}

namespace bookstore::tools {

/// --kafka, --kafka-topic and --kafka-config, as they were given.
struct KafkaFlags {
    std::string brokers{};  ///< no_brokers: events of contexts elsewhere are done without
    std::string topic = "cnabookstore";
    std::string config{};  ///< a file's name
};

inline constexpr std::string_view no_brokers = "none";

/// `brokers_help` is that of --kafka.
void add_kafka_flags(CLI::App& app, KafkaFlags& flags, const std::string& brokers_help);

/// Throws std::runtime_error that names the flag which is wrong.
kafka::Settings read_kafka_flags(const KafkaFlags& flags);

}  // namespace bookstore::tools
