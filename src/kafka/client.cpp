#include "kafka/client.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

namespace bookstore::kafka {
namespace {

/// In the client's threads. Lost connections are no more than told here: they come as events, too,
/// and whoever gets those says what they mean.
void log_line(const rd_kafka_t*, int level, const char* facility, const char* text) {
    constexpr int warning = 4;  // as syslog counts
    const std::string_view about(facility);
    const bool is_event = about == "FAIL" || about == "ERROR";
    spdlog::log(
        level < warning && !is_event ? spdlog::level::warn : spdlog::level::debug,
        "kafka: {}: {}",
        about,
        text
    );
}

void set(rd_kafka_conf_t* conf, const Setting& setting) {
    std::array<char, 512> why{};
    const auto result = rd_kafka_conf_set(
        conf, setting.name.c_str(), setting.value.c_str(), why.data(), why.size()
    );
    if (result != RD_KAFKA_CONF_OK) {
        throw std::runtime_error(fmt::format("{}: {}", setting.name, why.data()));
    }
}

Conf conf_of(
    const Settings& settings, std::span<const Setting> defaults, std::span<const Setting> fixed
) {
    Conf conf(rd_kafka_conf_new());
    set(conf.get(), {"bootstrap.servers", settings.brokers});
    set(conf.get(), {"client.id", settings.client_id});
    for (const auto& list : {defaults, std::span<const Setting>(settings.more), fixed}) {
        for (const Setting& setting : list) {
            set(conf.get(), setting);
        }
    }
    rd_kafka_conf_set_log_cb(conf.get(), log_line);
    return conf;
}

void ring_bell(rd_kafka_t*, void* bell) {
    (*static_cast<const std::function<void()>*>(bell))();
}

/// librdkafka 2.0.2 waits for ever for its own threads when a topic that a consumer was assigned to
/// has been deleted (it loses count of who uses a broker). Such a client is left behind, at rest.
void destroy(rd_kafka_t* client) {
    constexpr std::chrono::seconds patience(2);
    std::promise<void> promise;
    const auto destroyed = promise.get_future();
    std::thread destroyer([client, done = std::move(promise)]() mutable {
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        done.set_value();
    });
    if (destroyed.wait_for(patience) == std::future_status::ready) {
        destroyer.join();
    } else {
        destroyer.detach();
        spdlog::warn("kafka: a client does not end, and is left behind");
    }
}

}  // namespace

std::optional<std::string> setting_fault(const Setting& setting) {
    if (is_set_by_the_pipe(setting.name)) {
        return fmt::format("{} is not to be set: the bookstore does it itself", setting.name);
    }
    const Conf conf(rd_kafka_conf_new());
    std::array<char, 512> why{};
    const auto result = rd_kafka_conf_set(
        conf.get(), setting.name.c_str(), setting.value.c_str(), why.data(), why.size()
    );
    switch (result) {
        case RD_KAFKA_CONF_OK:
            return std::nullopt;
        case RD_KAFKA_CONF_UNKNOWN:
            return fmt::format("{} is no setting that the client knows", setting.name);
        case RD_KAFKA_CONF_INVALID:
            break;
    }
    return fmt::format("{} cannot be set to that: {}", setting.name, why.data());
}

Partitions partition_at(const Settings& settings, std::int64_t offset) {
    Partitions list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), settings.topic.c_str(), the_partition)->offset =
        offset;
    return list;
}

std::string_view text_of(rd_kafka_resp_err_t error) {
    return rd_kafka_err2str(error);
}

std::string text_of(rd_kafka_event_t& event) {
    const std::string_view error = text_of(rd_kafka_event_error(&event));
    const char* const detail = rd_kafka_event_error_string(&event);
    if (detail == nullptr || detail == error) {
        return std::string(error);
    }
    return fmt::format("{} ({})", detail, error);
}

Client::Client(
    rd_kafka_type_t type,
    const Settings& settings,
    std::span<const Setting> defaults,
    std::span<const Setting> fixed,
    int events
) {
    Conf conf = conf_of(settings, defaults, fixed);
    rd_kafka_conf_set_events(conf.get(), events);
    std::array<char, 512> why{};
    client_ = rd_kafka_new(type, conf.get(), why.data(), why.size());
    if (client_ == nullptr) {
        throw std::runtime_error(fmt::format("no Kafka client: {}", why.data()));
    }
    static_cast<void>(conf.release());  // it is the client's now
    if (type == RD_KAFKA_CONSUMER &&
        rd_kafka_poll_set_consumer(client_) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        queue_.reset(rd_kafka_queue_get_consumer(client_));
    } else {
        queue_.reset(rd_kafka_queue_get_main(client_));
    }
}

Client::~Client() {
    rd_kafka_queue_cb_event_enable(queue(), nullptr, nullptr);
    queue_.reset();
    rd_kafka_set_log_level(client_, 0);  // what is given up is meant to be
    destroy(client_);
}

void Client::ring(const std::function<void()>& bell) const {
    // The library hands back what it was given, and bells are not changed by ringing.
    void* const opaque = const_cast<std::function<void()>*>(&bell);
    rd_kafka_queue_cb_event_enable(queue(), ring_bell, opaque);
}

}  // namespace bookstore::kafka
