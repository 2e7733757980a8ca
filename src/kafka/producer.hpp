#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bus/pipe.hpp"
#include "kafka/client.hpp"
#include "kafka/figures.hpp"
#include "kafka/settings.hpp"

namespace bookstore::kafka {

/// The sending half of a pipe. One thread.
class Producer {
  public:
    Producer(const Settings& settings, const std::function<void()>& ring, Figures& figures);
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    void send(bus::Record record);
    std::optional<std::string> failed();
    void restart();

    /// Takes what the client has told, and sends what was kept.
    void serve();

  private:
    enum class Sent { yes, no_place, failed };

    void begin();
    void end();
    Sent produce(const bus::Record& record);
    void take(rd_kafka_event_t& event);
    void take_reports(rd_kafka_event_t& event);
    void take_statistics(rd_kafka_event_t& event);
    void fail(std::string why);

    const Settings& settings_;
    const std::function<void()>& ring_;
    Figures& figures_;
    std::unique_ptr<Client> client_;
    Topic topic_;
    std::deque<bus::Record> kept_;  ///< the client's queue had no place for them
    std::optional<std::string> failure_;
    std::int64_t disconnects_ = 0;  ///< of the last statistics
};

}  // namespace bookstore::kafka
