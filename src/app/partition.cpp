#include "app/partition.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "kafka/pipe.hpp"
#include "kafka/topic_admin.hpp"
#include "kafka/verified_pipe.hpp"
#include "storage/error.hpp"

namespace bookstore::app {
namespace {

constexpr int ask_limit_ms = 3000;

/// false: no broker answers.
bool require_fit(const kafka::Settings& settings) {
    try {
        const std::string faults = kafka::topic_faults(settings, ask_limit_ms);
        if (!faults.empty()) {
            throw storage::Refused(
                fmt::format("the Kafka topic {} cannot be used: {}", settings.topic, faults)
            );
        }
        return true;
    } catch (const kafka::Unreachable& error) {
        spdlog::warn(
            "no Kafka broker of {} answers ({}): starting without, nothing is written before one "
            "does",
            settings.brokers,
            error.what()
        );
        return false;
    }
}

}  // namespace

host::PartitionOptions partition_of(
    const kafka::Settings& settings, const std::string& process, const Clock& clock
) {
    const bool fit = require_fit(settings);
    host::PartitionOptions options;
    options.topic = settings.topic;
    options.pipe = [settings, process, fit, &clock](std::function<void()> ring
                   ) -> std::unique_ptr<bus::Pipe> {
        if (fit) {
            return std::make_unique<kafka::Pipe>(settings, process, std::move(ring), clock);
        }
        return std::make_unique<kafka::VerifiedPipe>(settings, process, std::move(ring), clock);
    };
    return options;
}

}  // namespace bookstore::app
