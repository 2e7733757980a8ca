#include "kafka/producer.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

#include "kafka/record.hpp"
#include "kafka/statistics.hpp"

namespace bookstore::kafka {
namespace {

constexpr int events = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS;

const std::vector<Setting> defaults{
    {"linger.ms", "0"},
    {"reconnect.backoff.max.ms", "500"},
    {"socket.timeout.ms", "10000"},
    {"queue.buffering.max.messages", "20000"},
    {"queue.buffering.max.kbytes", "65536"},
    {"topic.metadata.propagation.max.ms", "5000"},
};

const std::vector<Setting> fixed{
    {"enable.idempotence", "true"},
    // What fails takes all behind it along, so that there is no gap.
    {"enable.gapless.guarantee", "true"},
    {"message.timeout.ms", "0"},
    {"acks", "all"},
    {"allow.auto.create.topics", "false"},
    {"statistics.interval.ms", "1000"},
};

using Headers = std::unique_ptr<rd_kafka_headers_t, Calls<rd_kafka_headers_destroy>>;

Headers client_headers(const bus::Record& record) {
    const auto list = headers_of(record);
    Headers headers(rd_kafka_headers_new(list.size()));
    for (const Header& header : list) {
        rd_kafka_header_add(
            headers.get(),
            header.name.data(),
            static_cast<ssize_t>(header.name.size()),
            header.value.data(),
            static_cast<ssize_t>(header.value.size())
        );
    }
    return headers;
}

/// The library takes a pointer that is not to const, and copies.
rd_kafka_vu_t bytes_of(rd_kafka_vtype_t type, const std::string& text) {
    rd_kafka_vu_t part{.vtype = type, .u = {}};
    part.u.mem.ptr = const_cast<char*>(text.data());
    part.u.mem.size = text.size();
    return part;
}

}  // namespace

Producer::Producer(const Settings& settings, const std::function<void()>& ring, Figures& figures)
    : settings_(settings), ring_(ring), figures_(figures) {
    begin();
}

Producer::~Producer() {
    end();
}

/// The topic is asked for as soon as there is a broker, so that the first record finds its leader.
void Producer::begin() {
    client_ = std::make_unique<Client>(RD_KAFKA_PRODUCER, settings_, defaults, fixed, events);
    topic_.reset(rd_kafka_topic_new(client_->get(), settings_.topic.c_str(), nullptr));
    if (!topic_) {
        throw std::runtime_error(
            fmt::format("cannot send to {}: {}", settings_.topic, text_of(rd_kafka_last_error()))
        );
    }
    client_->ring(ring_);
}

/// What is under way goes with the connections. (To purge that, too, is told as a fatal error.)
void Producer::end() {
    if (client_) {
        rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
    }
    topic_.reset();
    client_.reset();
}

void Producer::restart() {
    end();
    kept_.clear();
    failure_.reset();
    disconnects_ = 0;
    begin();
}

void Producer::send(bus::Record record) {
    figures_.update([](Stats& stats) { ++stats.sent; });
    if (failure_) {
        return;
    }
    if (!kept_.empty() || produce(record) == Sent::no_place) {
        kept_.push_back(std::move(record));
    }
}

Producer::Sent Producer::produce(const bus::Record& record) {
    Headers headers = client_headers(record);
    std::array<rd_kafka_vu_t, 6> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_RKT;
    parts[0].u.rkt = topic_.get();
    parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[1].u.i32 = the_partition;
    parts[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[2].u.i = RD_KAFKA_MSG_F_COPY;
    parts[3] = bytes_of(RD_KAFKA_VTYPE_KEY, record.event.key);
    parts[4] = bytes_of(RD_KAFKA_VTYPE_VALUE, record.event.payload);
    parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[5].u.headers = headers.get();
    const std::unique_ptr<rd_kafka_error_t, Calls<rd_kafka_error_destroy>> error(
        rd_kafka_produceva(client_->get(), parts.data(), parts.size())
    );
    if (!error) {
        static_cast<void>(headers.release());  // they are the client's now
        return Sent::yes;
    }
    if (rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        return Sent::no_place;
    }
    fail(rd_kafka_error_string(error.get()));
    figures_.update([](Stats& stats) { ++stats.failed; });
    return Sent::failed;
}

std::optional<std::string> Producer::failed() {
    serve();
    return failure_;
}

void Producer::serve() {
    while (const Event event = client_->poll()) {
        take(*event);
    }
    while (!failure_ && !kept_.empty() && produce(kept_.front()) == Sent::yes) {
        kept_.pop_front();
    }
}

void Producer::take(rd_kafka_event_t& event) {
    switch (rd_kafka_event_type(&event)) {
        case RD_KAFKA_EVENT_DR:
            return take_reports(event);
        case RD_KAFKA_EVENT_STATS:
            return take_statistics(event);
        case RD_KAFKA_EVENT_ERROR:
            // Others are of a connection, which the client makes again by itself.
            if (rd_kafka_event_error_is_fatal(&event) != 0) {
                fail(text_of(event));
            }
            return;
        default:
            return;
    }
}

void Producer::take_reports(rd_kafka_event_t& event) {
    std::int64_t good = 0;
    std::int64_t bad = 0;
    while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(&event)) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            ++good;
            continue;
        }
        ++bad;
        fail(std::string(text_of(message->err)));
    }
    figures_.update([good, bad](Stats& stats) {
        stats.acknowledged += good;
        stats.failed += bad;
    });
}

/// The first is the cause; what fails behind it says that it was taken along.
void Producer::fail(std::string why) {
    if (!failure_) {
        failure_ = std::move(why);
    }
}

void Producer::take_statistics(rd_kafka_event_t& event) {
    const auto statistics = parse_statistics(rd_kafka_event_stats(&event), settings_.topic);
    if (!statistics) {
        return;
    }
    figures_.update([this, &statistics](Stats& stats) {
        stats.reconnects += statistics->disconnects - disconnects_;
        if (statistics->round_trip_us > 0) {
            stats.round_trip_us = statistics->round_trip_us;
        }
    });
    disconnects_ = statistics->disconnects;
}

}  // namespace bookstore::kafka
