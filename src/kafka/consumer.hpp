#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bus/pipe.hpp"
#include "kafka/client.hpp"
#include "kafka/figures.hpp"
#include "kafka/settings.hpp"

namespace bookstore::kafka {

/// The reading half of a pipe. One thread.
class Consumer {
  public:
    Consumer(
        const Settings& settings,
        const std::string& process,
        const std::function<void()>& ring,
        Figures& figures,
        const Clock& clock
    );

    void read_from(std::int64_t offset);
    std::vector<bus::PipeEvent> read(std::size_t most);
    void note_read(std::int64_t offset);

    /// Of any thread: what the broker told last of the partition's end; nothing when it has not.
    std::optional<std::int64_t> high_watermark() const;

  private:
    void assign(std::int64_t offset);
    void drain();
    void take(rd_kafka_event_t& event);
    void take_messages(rd_kafka_event_t& event);
    void arrived(const rd_kafka_message_t& message);
    void take_error(rd_kafka_event_t& event);
    void out_of_range(std::optional<std::int64_t> offset, std::string why);
    void take_statistics(rd_kafka_event_t& event);
    void at_end(std::int64_t offset);
    void doubt(std::string why);
    void commit();

    const Settings& settings_;
    Figures& figures_;
    const Clock& clock_;
    Client client_;
    Topic topic_;  ///< so that its leader is asked for as soon as there is a broker
    std::deque<bus::PipeEvent> ready_;  ///< of an event that was more than one

    bool reading_ = false;                  ///< somebody has said from where, and it was in range
    bool first_ = true;                     ///< nothing has come since read_from()
    bool assigned_again_ = false;           ///< since something has come
    std::int64_t next_ = 0;                 ///< offset of what comes next
    std::optional<std::int64_t> goal_;      ///< where the partition ended at some moment since
    std::optional<std::int64_t> ended_at_;  ///< the last End's offset

    bool doubted_ = false;          ///< and nothing has come since
    std::int64_t told_lost_ = 0;    ///< lost connections that were told since the last statistics
    std::int64_t disconnects_ = 0;  ///< of the last statistics
    std::optional<std::int64_t> leader_;

    std::optional<std::int64_t> to_commit_;
    std::int64_t commit_at_ms_ = 0;  ///< steady clock
};

}  // namespace bookstore::kafka
