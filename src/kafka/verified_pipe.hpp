#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "bus/pipe.hpp"
#include "kafka/settings.hpp"

namespace bookstore::kafka {

/// Why that topic cannot be used as it is, a line each with the command that mends it; empty when
/// it can. Throws Unreachable (topic_admin.hpp) when no broker answers.
std::string topic_faults(const Settings& settings, int limit_ms);

/// The pipe to a topic that could not be asked yet whether it is as it has to be: a thread goes on
/// asking. Until that is known nothing comes out and nothing goes in; what is wrong comes out as
/// bus::Unfit. Else as kafka::Pipe, also what its constructor throws.
class VerifiedPipe final : public bus::Pipe {
  public:
    VerifiedPipe(
        Settings settings,
        const std::string& process,
        std::function<void()> ring,
        const Clock& clock
    );
    ~VerifiedPipe() override;

    void read_from(std::int64_t offset) override;
    std::vector<bus::PipeEvent> read(std::size_t most) override;
    void note_read(std::int64_t offset) override;
    void send(bus::Record record) override;
    std::optional<std::string> sending_failed() override;
    void restart_sending() override;
    bus::PipeStats stats() const override;

  private:
    enum class Topic { unknown, fit, unfit };

    void ask(const std::stop_token& stop);

    const Settings settings_;
    const std::function<void()> ring_;
    const std::unique_ptr<bus::Pipe> pipe_;
    std::atomic<Topic> topic_{Topic::unknown};
    std::string faults_;  ///< written before topic_ says that it is unfit
    bool told_ = false;
    std::optional<std::int64_t> read_from_;
    std::jthread asking_;
};

}  // namespace bookstore::kafka
