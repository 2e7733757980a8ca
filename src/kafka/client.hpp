#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kafka/settings.hpp"

// librdkafka's handles, each with an owner; for the .cpp files of this room alone.

namespace bookstore::kafka {

/// Calls a C function on what is given up.
template <auto Function>
struct Calls {
    template <class T>
    void operator()(T* thing) const {
        Function(thing);
    }
};

using Conf = std::unique_ptr<rd_kafka_conf_t, Calls<rd_kafka_conf_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Calls<rd_kafka_event_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Calls<rd_kafka_queue_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Calls<rd_kafka_topic_destroy>>;
using Partitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Calls<rd_kafka_topic_partition_list_destroy>>;
using Partition =
    std::unique_ptr<rd_kafka_topic_partition_t, Calls<rd_kafka_topic_partition_destroy>>;

constexpr std::int32_t the_partition = 0;

/// A list of that partition at an offset.
Partitions partition_at(const Settings& settings, std::int64_t offset);

/// "Broker: Unknown topic or partition"
std::string_view text_of(rd_kafka_resp_err_t error);
/// What the event's error is, with what the client says about it.
std::string text_of(rd_kafka_event_t& event);

/// A producer or consumer with its threads; what they tell is logged. Its events come one by one
/// out of a queue. Thread-safe, as the library is.
class Client {
  public:
    /// Does not wait for a broker. `defaults` may be set otherwise by `settings.more`, `fixed` may
    /// not. `events` is a sum of RD_KAFKA_EVENT_....
    Client(
        rd_kafka_type_t type,
        const Settings& settings,
        std::span<const Setting> defaults,
        std::span<const Setting> fixed,
        int events
    );
    /// Whatever is under way is given up; nobody is told.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    rd_kafka_t* get() const { return client_; }
    rd_kafka_queue_t* queue() const { return queue_.get(); }
    /// The next event, or null when there is none now.
    Event poll() const { return Event(rd_kafka_queue_poll(queue(), 0)); }
    /// Calls it, from a thread of the client's, whenever there is an event where there was none;
    /// it has to outlive the client.
    void ring(const std::function<void()>& bell) const;

  private:
    rd_kafka_t* client_;
    Queue queue_;
};

}  // namespace bookstore::kafka
