#include "kafka/topic_admin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "kafka/client.hpp"

namespace bookstore::kafka {
namespace {

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Calls<rd_kafka_NewTopic_destroy>>;
using Resource = std::unique_ptr<rd_kafka_ConfigResource_t, Calls<rd_kafka_ConfigResource_destroy>>;
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, Calls<rd_kafka_AdminOptions_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Calls<rd_kafka_metadata_destroy>>;
using Config = std::map<std::string, std::string, std::less<>>;

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> wanted{{
    {"message.timestamp.type", "LogAppendTime"},
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
    {"unclean.leader.election.enable", "false"},
}};
constexpr std::string_view asking = "ask for the topic";
constexpr int rumour_ms = 1000;     ///< brokers hear of a new topic one after the other
constexpr int enough_replicas = 3;  ///< for one to be away while there are still two copies
constexpr int wanted_in_sync = 2;

const std::vector<Setting> fixed{{"allow.auto.create.topics", "false"}};

/// Until when a call may wait.
class Limit {
  public:
    explicit Limit(int limit_ms)
        : until_(std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms)) {}
    /// At least one: no time at all would be none to look.
    int left_ms() const {
        const auto left = until_ - std::chrono::steady_clock::now();
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
        return static_cast<int>(std::max<std::int64_t>(1, ms));
    }
    bool over() const { return std::chrono::steady_clock::now() >= until_; }

  private:
    std::chrono::steady_clock::time_point until_;
};

bool is_absence(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        case RD_KAFKA_RESP_ERR__TRANSPORT:
        case RD_KAFKA_RESP_ERR__RESOLVE:
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        case RD_KAFKA_RESP_ERR__WAIT_COORD:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
        case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
        case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
        case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
            return true;
        default:
            return false;
    }
}

[[noreturn]] void refuse(
    const Settings& settings,
    std::string_view doing,
    rd_kafka_resp_err_t error,
    std::string_view why
) {
    const std::string text = fmt::format("cannot {} at {}: {}", doing, settings.brokers, why);
    if (is_absence(error)) {
        throw Unreachable(text);
    }
    throw std::runtime_error(text);
}

class Admin {
  public:
    Admin(const Settings& settings, int limit_ms)
        : settings_(settings),
          limit_(limit_ms),
          // A consumer: producers have brokers create what they ask for.
          client_(RD_KAFKA_CONSUMER, settings, {}, fixed, RD_KAFKA_EVENT_NONE),
          answers_(rd_kafka_queue_new(client_.get())) {}

    /// Null when there is none: a broker that has not heard of a new one is asked again, so long.
    const rd_kafka_metadata_topic* find_topic(int patience_ms);
    Config config();
    /// The error of that topic alone is returned.
    rd_kafka_resp_err_t create(int replicas, std::string& why);
    EndOffsets end_offsets();

  private:
    Options options(rd_kafka_admin_op_t operation) const;
    Event answer(std::string_view doing) const;
    const rd_kafka_metadata_topic* ask_for_topic(const Topic& topic);
    [[noreturn]] void no(std::string_view doing, rd_kafka_resp_err_t error, std::string_view why)
        const {
        refuse(settings_, doing, error, why);
    }

    const Settings& settings_;
    Limit limit_;
    Client client_;
    Queue answers_;
    Metadata metadata_;
};

Options Admin::options(rd_kafka_admin_op_t operation) const {
    Options options(rd_kafka_AdminOptions_new(client_.get(), operation));
    std::array<char, 256> why{};
    rd_kafka_AdminOptions_set_request_timeout(
        options.get(), limit_.left_ms(), why.data(), why.size()
    );
    return options;
}

Event Admin::answer(std::string_view doing) const {
    constexpr int grace_ms = 1000;  // for the client to say itself that it is late
    Event event(rd_kafka_queue_poll(answers_.get(), limit_.left_ms() + grace_ms));
    if (!event) {
        no(doing, RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer in time");
    }
    const auto error = rd_kafka_event_error(event.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        no(doing, error, text_of(*event));
    }
    return event;
}

const rd_kafka_metadata_topic* Admin::find_topic(int patience_ms) {
    const Topic topic(rd_kafka_topic_new(client_.get(), settings_.topic.c_str(), nullptr));
    if (!topic) {
        no(asking, rd_kafka_last_error(), text_of(rd_kafka_last_error()));
    }
    const Limit patience(patience_ms);
    while (true) {
        const rd_kafka_metadata_topic* const found = ask_for_topic(topic);
        const bool led =
            found != nullptr && found->partition_cnt > 0 && found->partitions[0].leader >= 0;
        if (led || patience.over() || limit_.over()) {
            return found;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

const rd_kafka_metadata_topic* Admin::ask_for_topic(const Topic& topic) {
    const rd_kafka_metadata_t* found = nullptr;
    const auto error = rd_kafka_metadata(client_.get(), 0, topic.get(), &found, limit_.left_ms());
    metadata_.reset(found);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        no(asking, error, text_of(error));
    }
    if (found->topic_cnt != 1 || found->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return nullptr;
    }
    const auto of_topic = found->topics[0].err;
    if (of_topic != RD_KAFKA_RESP_ERR_NO_ERROR &&
        of_topic != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        no(asking, of_topic, text_of(of_topic));
    }
    return found->topics;
}

Config Admin::config() {
    constexpr std::string_view doing = "ask for the topic's settings";
    const Resource asked(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, settings_.topic.c_str())
    );
    rd_kafka_ConfigResource_t* list = asked.get();
    const Options how = options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(client_.get(), &list, 1, how.get(), answers_.get());
    const Event event = answer(doing);
    std::size_t count = 0;
    const auto* const resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event.get()), &count
    );
    if (count != 1) {
        no(doing, RD_KAFKA_RESP_ERR__BAD_MSG, "another answer than was asked for");
    }
    const auto error = rd_kafka_ConfigResource_error(resources[0]);
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        throw Unreachable("the brokers do not agree yet whether the topic is there");
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* const why = rd_kafka_ConfigResource_error_string(resources[0]);
        no(doing, error, why != nullptr ? why : text_of(error));
    }
    Config config;
    const auto* const entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (std::size_t i = 0; i < count; ++i) {
        const char* const value = rd_kafka_ConfigEntry_value(entries[i]);
        config.emplace(rd_kafka_ConfigEntry_name(entries[i]), value != nullptr ? value : "");
    }
    return config;
}

rd_kafka_resp_err_t Admin::create(int replicas, std::string& why) {
    std::array<char, 256> text{};
    const NewTopic topic(
        rd_kafka_NewTopic_new(settings_.topic.c_str(), 1, replicas, text.data(), text.size())
    );
    if (!topic) {
        why = text.data();
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    for (const auto& [name, value] : wanted) {
        rd_kafka_NewTopic_set_config(topic.get(), name.data(), value.data());
    }
    const std::string in_sync = fmt::to_string(replicas >= enough_replicas ? wanted_in_sync : 1);
    rd_kafka_NewTopic_set_config(topic.get(), "min.insync.replicas", in_sync.c_str());
    rd_kafka_NewTopic_t* list = topic.get();
    const Options how = options(RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(client_.get(), &list, 1, how.get(), answers_.get());
    const Event event = answer("create the topic");
    std::size_t count = 0;
    const auto* const results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event.get()), &count
    );
    if (count != 1) {
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    const auto error = rd_kafka_topic_result_error(results[0]);
    const char* const said = rd_kafka_topic_result_error_string(results[0]);
    why = said != nullptr ? std::string_view(said) : text_of(error);
    return error;
}

EndOffsets Admin::end_offsets() {
    EndOffsets offsets;
    const auto error = rd_kafka_query_watermark_offsets(
        client_.get(),
        settings_.topic.c_str(),
        the_partition,
        &offsets.begin,
        &offsets.end,
        limit_.left_ms()
    );
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        no(fmt::format("ask where {} ends", settings_.topic), error, text_of(error));
    }
    return offsets;
}

TopicFault wrong_setting(
    const Settings& settings, std::string_view name, std::string_view is, std::string_view should
) {
    return {
        .what = fmt::format("{} of topic {} is {}, not {}", name, settings.topic, is, should),
        .command = fmt::format(
            "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} "
            "--add-config {}={}",
            settings.brokers,
            settings.topic,
            name,
            should
        )
    };
}

std::string_view value_in(const Config& config, std::string_view name) {
    const auto found = config.find(name);
    return found == config.end() ? std::string_view("unknown") : std::string_view(found->second);
}

void check_copies(
    const Settings& settings, const Config& config, int replicas, std::vector<TopicFault>& faults
) {
    constexpr std::string_view name = "min.insync.replicas";
    const std::string value(value_in(config, name));
    const int in_sync = std::atoi(value.c_str());
    if (replicas >= enough_replicas && in_sync < wanted_in_sync) {
        faults.push_back(wrong_setting(settings, name, value, fmt::to_string(wanted_in_sync)));
    } else if (in_sync > replicas) {  // nothing could ever be written
        faults.push_back(wrong_setting(settings, name, value, fmt::to_string(replicas)));
    }
}

}  // namespace

void create_topic(const Settings& settings, int replicas, int limit_ms) {
    Admin admin(settings, limit_ms);
    std::string why;
    const auto error = admin.create(replicas, why);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        refuse(settings, fmt::format("create the topic {}", settings.topic), error, why);
    }
    const rd_kafka_metadata_topic* const topic = admin.find_topic(limit_ms);
    if (topic == nullptr || topic->partition_cnt != 1 || topic->partitions[0].leader < 0) {
        throw Unreachable(fmt::format("the topic {} is not there yet", settings.topic));
    }
}

bool exists(const Settings& settings, int limit_ms) {
    return Admin(settings, limit_ms).find_topic(0) != nullptr;
}

std::vector<TopicFault> verify_topic(const Settings& settings, int limit_ms) {
    Admin admin(settings, limit_ms);
    const auto creation = [&settings](std::string_view topic) {
        return fmt::format(
            "bookstore topic create --kafka {} --kafka-topic {}", settings.brokers, topic
        );
    };
    const rd_kafka_metadata_topic* const topic = admin.find_topic(rumour_ms);
    if (topic == nullptr) {
        return {
            {.what = fmt::format("there is no topic {}", settings.topic),
             .command = creation(settings.topic)}
        };
    }
    std::vector<TopicFault> faults;
    if (topic->partition_cnt != 1) {  // none can be taken away
        faults.push_back(
            {.what = fmt::format(
                 "the topic {} has {} partitions, not 1", settings.topic, topic->partition_cnt
             ),
             .command = creation(settings.topic + "-1")}
        );
    }
    const int replicas = topic->partition_cnt == 0 ? 0 : topic->partitions[0].replica_cnt;
    const Config config = admin.config();
    for (const auto& [name, should] : wanted) {
        if (const std::string_view is = value_in(config, name); is != should) {
            faults.push_back(wrong_setting(settings, name, is, should));
        }
    }
    check_copies(settings, config, replicas, faults);
    return faults;
}

EndOffsets end_offsets(const Settings& settings, int limit_ms) {
    return Admin(settings, limit_ms).end_offsets();
}

bool is_empty(const Settings& settings, int limit_ms) {
    return end_offsets(settings, limit_ms).end == 0;
}

}  // namespace bookstore::kafka
