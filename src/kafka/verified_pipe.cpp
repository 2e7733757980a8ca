#include "kafka/verified_pipe.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <utility>

#include "kafka/pipe.hpp"
#include "kafka/topic_admin.hpp"

namespace bookstore::kafka {
namespace {

constexpr int ask_limit_ms = 2000;
constexpr std::chrono::seconds ask_again{1};

}  // namespace

std::string topic_faults(const Settings& settings, int limit_ms) {
    std::string text;
    for (const TopicFault& fault : verify_topic(settings, limit_ms)) {
        text += fmt::format(
            "{}{}; mend it with: {}", text.empty() ? "" : "\n", fault.what, fault.command
        );
    }
    return text;
}

VerifiedPipe::VerifiedPipe(
    Settings settings, const std::string& process, std::function<void()> ring, const Clock& clock
)
    : settings_(std::move(settings)),
      ring_(std::move(ring)),
      pipe_(std::make_unique<kafka::Pipe>(settings_, process, ring_, clock)),
      asking_([this](const std::stop_token& stop) { ask(stop); }) {}

VerifiedPipe::~VerifiedPipe() = default;

void VerifiedPipe::ask(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    while (!stop.stop_requested()) {
        try {
            faults_ = topic_faults(settings_, ask_limit_ms);
            topic_.store(faults_.empty() ? Topic::fit : Topic::unfit, std::memory_order_release);
            ring_();
            return;
        } catch (const std::exception& error) {
            spdlog::debug("the Kafka topic {}: {}", settings_.topic, error.what());
        }
        std::unique_lock lock(mutex);
        stopped.wait_for(lock, stop, ask_again, [] { return false; });
    }
}

void VerifiedPipe::read_from(std::int64_t offset) {
    read_from_ = offset;
}

std::vector<bus::PipeEvent> VerifiedPipe::read(std::size_t most) {
    switch (topic_.load(std::memory_order_acquire)) {
        case Topic::unknown:
            return {};
        case Topic::unfit:
            if (std::exchange(told_, true)) {
                return {};
            }
            return {bus::Unfit{faults_}};
        case Topic::fit:
            break;
    }
    if (const auto offset = std::exchange(read_from_, std::nullopt)) {
        pipe_->read_from(*offset);
    }
    return pipe_->read(most);
}

void VerifiedPipe::note_read(std::int64_t offset) {
    pipe_->note_read(offset);
}

void VerifiedPipe::send(bus::Record record) {
    pipe_->send(std::move(record));
}

std::optional<std::string> VerifiedPipe::sending_failed() {
    return pipe_->sending_failed();
}

void VerifiedPipe::restart_sending() {
    pipe_->restart_sending();
}

bus::PipeStats VerifiedPipe::stats() const {
    return pipe_->stats();
}

}  // namespace bookstore::kafka
