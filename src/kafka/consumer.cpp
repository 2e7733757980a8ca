#include "kafka/consumer.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <stdexcept>

#include "kafka/record.hpp"
#include "kafka/statistics.hpp"

namespace bookstore::kafka {
namespace {

constexpr int events = RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS;
constexpr std::int64_t commit_every_ms = 1000;

const std::vector<Setting> defaults{
    {"reconnect.backoff.max.ms", "500"},
    {"socket.timeout.ms", "10000"},
    // A record wakes the broker that waits for one. This is how late the partition's end is told.
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "100"},
    {"queued.max.messages.kbytes", "2048"},
    {"topic.metadata.propagation.max.ms", "5000"},
};

std::vector<Setting> fixed(const std::string& process) {
    return {
        {"group.id", "bookstore-" + process},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        // Nobody here writes in transactions; one that a stranger left open must not hold us up.
        {"isolation.level", "read_uncommitted"},
        {"allow.auto.create.topics", "false"},
        {"statistics.interval.ms", "1000"},
    };
}

std::string_view view_of(const void* bytes, std::size_t size) {
    return bytes == nullptr ? std::string_view()
                            : std::string_view(static_cast<const char*>(bytes), size);
}

std::vector<HeaderView> headers_in(const rd_kafka_message_t& message) {
    std::vector<HeaderView> views;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return views;
    }
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
        views.push_back({.name = name, .value = view_of(value, size)});
    }
    return views;
}

bus::Arrived arrived_of(const rd_kafka_message_t& message) {
    const auto headers = headers_in(message);
    const auto value = message.payload == nullptr
                           ? std::nullopt
                           : std::optional(view_of(message.payload, message.len));
    auto record = record_of(view_of(message.key, message.key_len), value, headers);
    rd_kafka_timestamp_type_t type{};
    bus::Arrived arrived{
        .offset = message.offset, .appended_ms = rd_kafka_message_timestamp(&message, &type)
    };
    if (record) {
        arrived.record = std::move(*record);
    } else {
        arrived.flaw = std::move(record.error());
    }
    return arrived;
}

}  // namespace

Consumer::Consumer(
    const Settings& settings,
    const std::string& process,
    const std::function<void()>& ring,
    Figures& figures,
    const Clock& clock
)
    : settings_(settings),
      figures_(figures),
      clock_(clock),
      client_(RD_KAFKA_CONSUMER, settings, defaults, fixed(process), events),
      topic_(rd_kafka_topic_new(client_.get(), settings.topic.c_str(), nullptr)) {
    if (!topic_) {
        throw std::runtime_error(
            fmt::format("cannot read {}: {}", settings_.topic, text_of(rd_kafka_last_error()))
        );
    }
    client_.ring(ring);
}

/// What was fetched for an assignment does not come out once it was taken away. But an offset that
/// was out of range may be told late, of an offset that nobody wants any more.
void Consumer::read_from(std::int64_t offset) {
    rd_kafka_assign(client_.get(), nullptr);
    drain();
    reading_ = true;
    first_ = true;
    assigned_again_ = false;
    next_ = offset;
    goal_.reset();
    ended_at_.reset();
    assign(offset);
}

void Consumer::assign(std::int64_t offset) {
    const Partitions list = partition_at(settings_, offset);
    const auto error = rd_kafka_assign(client_.get(), list.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        throw std::runtime_error(
            fmt::format("cannot read {} from {}: {}", settings_.topic, offset, text_of(error))
        );
    }
}

void Consumer::drain() {
    while (const Event event = client_.poll()) {
        if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_STATS) {
            take_statistics(*event);
        }
    }
    ready_.clear();
}

std::vector<bus::PipeEvent> Consumer::read(std::size_t most) {
    std::vector<bus::PipeEvent> out;
    std::int64_t records = 0;
    while (out.size() < most) {
        if (ready_.empty()) {
            const Event event = client_.poll();
            if (!event) {
                break;
            }
            take(*event);
            continue;
        }
        records += std::holds_alternative<bus::Arrived>(ready_.front()) ? 1 : 0;
        out.push_back(std::move(ready_.front()));
        ready_.pop_front();
    }
    if (records > 0) {
        figures_.update([records](Stats& stats) { stats.read += records; });
    }
    const auto end = high_watermark();
    figures_.update([this, end](Stats& stats) {
        stats.behind =
            end && reading_ ? std::optional(std::max<std::int64_t>(0, *end - next_)) : std::nullopt;
    });
    commit();
    return out;
}

void Consumer::take(rd_kafka_event_t& event) {
    switch (rd_kafka_event_type(&event)) {
        case RD_KAFKA_EVENT_FETCH:
            return take_messages(event);
        case RD_KAFKA_EVENT_ERROR:
            return take_error(event);
        case RD_KAFKA_EVENT_STATS:
            return take_statistics(event);
        default:
            return;
    }
}

void Consumer::take_messages(rd_kafka_event_t& event) {
    while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(&event)) {
        if (reading_) {
            arrived(*message);
        }
    }
}

void Consumer::arrived(const rd_kafka_message_t& message) {
    if (first_ && message.offset != next_) {
        reading_ = false;
        ready_.push_back(bus::OutOfRange{fmt::format(
            "{} has no record {}: the first behind it is {}", settings_.topic, next_, message.offset
        )});
        return;
    }
    first_ = false;
    doubted_ = false;
    assigned_again_ = false;
    next_ = message.offset + 1;
    figures_.connected(true);
    ready_.push_back(arrived_of(message));
    if (!goal_) {
        goal_ = high_watermark();  // told with this record, or later
    }
    if (goal_ && next_ >= *goal_) {
        at_end(next_);
    }
}

void Consumer::at_end(std::int64_t offset) {
    doubted_ = false;
    assigned_again_ = false;
    next_ = offset;
    goal_.reset();
    if (ended_at_ != offset) {
        ended_at_ = offset;
        ready_.push_back(bus::End{offset});
    }
}

void Consumer::take_error(rd_kafka_event_t& event) {
    if (!reading_) {
        return;
    }
    const Partition partition(rd_kafka_event_topic_partition(&event));
    switch (rd_kafka_event_error(&event)) {
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            figures_.connected(true);
            return at_end(partition->offset);
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
            return out_of_range(
                partition ? std::optional(partition->offset) : std::nullopt, text_of(event)
            );
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            figures_.connected(false);
            break;
        default:
            break;
    }
    std::string why = text_of(event);
    // What statistics count: a connection that was there.
    told_lost_ += why.contains("in state UP") ? 1 : 0;
    doubt(std::move(why));
}

/// When it is of another offset than the next, it may have been told of an assignment that is gone;
/// and then the client does not fetch at all any more.
void Consumer::out_of_range(std::optional<std::int64_t> offset, std::string why) {
    if (offset != next_ && !assigned_again_) {
        assigned_again_ = true;
        assign(next_);
        return;
    }
    reading_ = false;
    ready_.push_back(
        bus::OutOfRange{fmt::format("{} has no offset {}: {}", settings_.topic, next_, why)}
    );
}

void Consumer::doubt(std::string why) {
    if (!doubted_) {
        doubted_ = true;
        ready_.push_back(bus::Doubt{std::move(why)});
    }
}

/// The client tells the same error once in 30 s, and nothing of a new leader that it finds without
/// an error. Here both show.
void Consumer::take_statistics(rd_kafka_event_t& event) {
    const auto statistics = parse_statistics(rd_kafka_event_stats(&event), settings_.topic);
    if (!statistics) {
        return;
    }
    const std::int64_t lost = statistics->disconnects - disconnects_;
    const bool moved = leader_ && statistics->leader && leader_ != statistics->leader;
    if (reading_ && lost > told_lost_) {
        doubt("the connection to the broker was lost, and is there again");
    } else if (reading_ && moved && lost == 0) {
        doubt(fmt::format("broker {} leads the partition now", *statistics->leader));
    }
    told_lost_ = 0;
    disconnects_ = statistics->disconnects;
    leader_ = statistics->leader ? statistics->leader : leader_;
    figures_.connected(statistics->up);
    figures_.update([lost](Stats& stats) { stats.reconnects += lost; });
}

void Consumer::note_read(std::int64_t offset) {
    to_commit_ = offset;
    commit();
}

void Consumer::commit() {
    if (!to_commit_ || clock_.steady_ms() < commit_at_ms_) {
        return;
    }
    const Partitions list = partition_at(settings_, *to_commit_);
    rd_kafka_commit(client_.get(), list.get(), 1);
    to_commit_.reset();
    commit_at_ms_ = clock_.steady_ms() + commit_every_ms;
}

std::optional<std::int64_t> Consumer::high_watermark() const {
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto error = rd_kafka_get_watermark_offsets(
        client_.get(), settings_.topic.c_str(), the_partition, &low, &high
    );
    return error == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? std::optional(high) : std::nullopt;
}

}  // namespace bookstore::kafka
