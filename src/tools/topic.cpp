#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "bus/mirror.hpp"
#include "host/republish.hpp"
#include "kafka/pipe.hpp"
#include "kafka/topic_admin.hpp"
#include "kafka/verified_pipe.hpp"
#include "observe/logs.hpp"
#include "storage/error.hpp"
#include "tools/adopt.hpp"
#include "tools/kafka_flags.hpp"
#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

constexpr int ask_limit_ms = 10'000;
constexpr auto poll = std::chrono::milliseconds(1);
constexpr auto quiet_limit = std::chrono::seconds(30);  ///< without a word from a broker

struct Options {
    KafkaFlags kafka;
    int replicas = 1;
    std::string data_dir;
    std::string context;
    std::vector<std::string> directories;
};

CLI::App* add_part(CLI::App& app, const char* name, const char* summary, Options& options) {
    CLI::App* const part = app.add_subcommand(name, summary);
    add_kafka_flags(*part, options.kafka, "HOST:PORT, by comma, of the Kafka brokers");
    return part;
}

kafka::Settings settings_of(const Options& options) {
    if (options.kafka.brokers.empty()) {
        throw std::runtime_error("--kafka HOST:PORT is missing: which brokers have the topic");
    }
    return read_kafka_flags(options.kafka);
}

void require_fit(const kafka::Settings& settings) {
    const std::string faults = kafka::topic_faults(settings, ask_limit_ms);
    if (!faults.empty()) {
        throw std::runtime_error(faults);
    }
}

/// One that is there stays as it is, when it is as it has to be.
int create(const Options& options) {
    const kafka::Settings settings = settings_of(options);
    if (kafka::exists(settings, ask_limit_ms)) {
        require_fit(settings);
        fmt::print("the topic {} is there already, and as it has to be\n", settings.topic);
        return 0;
    }
    kafka::create_topic(settings, options.replicas, ask_limit_ms);
    fmt::print(
        "the topic {} is there: one partition, {} cop{}, nothing is ever removed\n",
        settings.topic,
        options.replicas,
        options.replicas == 1 ? "y" : "ies"
    );
    return 0;
}

// ---- verify

/// A mirror of the whole partition, in a directory of its own that goes with it.
class FreshMirror {
  public:
    explicit FreshMirror(const kafka::Settings& settings)
        : path_(make_temporary_directory()),
          topic_(topic_options()),
          pipe_(
              settings, "verify", [] {}, clock_
          ),
          mirror_(topic_, pipe_, clock_, {.topic = settings.topic, .audit_every_ms = 0}) {}
    ~FreshMirror() { remove_directory(path_); }
    FreshMirror(const FreshMirror&) = delete;
    FreshMirror& operator=(const FreshMirror&) = delete;

    /// To the partition's end.
    bus::Mirror& read_all() {
        auto quiet_since = std::chrono::steady_clock::now();
        while (!mirror_.ready() && !mirror_.refuses()) {
            if (mirror_.step()) {
                quiet_since = std::chrono::steady_clock::now();
            } else if (std::chrono::steady_clock::now() - quiet_since > quiet_limit) {
                throw std::runtime_error("no broker answers any more");
            } else {
                std::this_thread::sleep_for(poll);
            }
        }
        if (mirror_.refuses()) {
            throw std::runtime_error(mirror_.refusal());
        }
        return mirror_;
    }

  private:
    storage::Database::Options topic_options() const {
        storage::Database::Options options;
        options.path = path_ + "/topic.db";
        options.migrations = {"topic"};
        options.now_ms = clock_.now_ms();
        return options;
    }

    std::string path_;
    SystemClock clock_;
    bus::Topic topic_;
    kafka::Pipe pipe_;
    bus::Mirror mirror_;
};

/// What stands in topic.db of a directory, and how far it has read.
struct Stored {
    bus::ReadTo read_to;
    bus::View view;
};

Stored stored_in(const std::string& directory, const kafka::Settings& settings) {
    storage::Connection db(directory + "/topic.db", storage::Connection::Mode::read_only);
    std::optional<bus::ReadTo> read_to;
    if (db.query_text("SELECT name FROM sqlite_master WHERE name = 'partition'")) {
        read_to = bus::MirrorTable::read_to(db);
    }
    const std::int64_t length = db.query_integer("SELECT coalesce(max(position), 0) FROM event");
    if (!read_to && length > 0) {
        throw std::runtime_error(fmt::format(
            "{}/topic.db is a log of its own, with {} events, and no mirror: bookstore topic "
            "republish carries it to a topic",
            directory,
            length
        ));
    }
    if (read_to && read_to->topic != settings.topic) {
        throw std::runtime_error(fmt::format(
            "{}/topic.db is a mirror of the topic {}, not of {}",
            directory,
            read_to->topic,
            settings.topic
        ));
    }
    Stored stored{.read_to = read_to.value_or(bus::ReadTo{}), .view = {.length = length}};
    if (const auto last = bus::MirrorTable::at(db, length)) {
        stored.view.hash = last->hash;
    }
    return stored;
}

int verify(const Options& options) {
    const kafka::Settings settings = settings_of(options);
    require_fit(settings);
    const auto offsets = kafka::end_offsets(settings, ask_limit_ms);
    fmt::print(
        "the topic {} is as it has to be, offsets {} to {}\n",
        settings.topic,
        offsets.begin,
        offsets.end
    );
    if (options.data_dir.empty()) {
        return 0;
    }
    require_data(options.data_dir);
    const Stored stored = stored_in(options.data_dir, settings);
    FreshMirror fresh(settings);
    bus::Mirror& mirror = fresh.read_all();
    const std::int64_t length = mirror.view().length;
    if (stored.view.length > length) {
        throw std::runtime_error(fmt::format(
            "{}/topic.db has {} events, and the topic {} has {}: the broker lost some, or it is "
            "another topic",
            options.data_dir,
            stored.view.length,
            settings.topic,
            length
        ));
    }
    if (stored.view.length > 0 && mirror.hash_at(stored.view.length) != stored.view.hash) {
        throw std::runtime_error(fmt::format(
            "the {} events of {}/topic.db are not the first ones of the topic {}",
            stored.view.length,
            options.data_dir,
            settings.topic
        ));
    }
    fmt::print(
        "the {} events of {}/topic.db are the first ones of it; {} more are to be read\n",
        stored.view.length,
        options.data_dir,
        length - stored.view.length
    );
    return 0;
}

// ---- republish

int republish(const Options& options, const host::Contexts& contexts) {
    const kafka::Settings settings = settings_of(options);
    std::vector<std::unique_ptr<OfflineDirectory>> held;
    for (const std::string& directory : options.directories) {
        held.push_back(std::make_unique<OfflineDirectory>(directory));
    }
    observe::set_up_log(observe::LogFormat::text, "critical");  // what fails is thrown
    require_fit(settings);
    if (!kafka::is_empty(settings, ask_limit_ms)) {
        throw std::runtime_error(fmt::format(
            "the topic {} is not empty: a log is carried to a new one (bookstore topic create "
            "--kafka-topic NAME), so that nothing that was sent to the old one comes after it",
            settings.topic
        ));
    }
    const SystemClock clock;
    host::Republish republish(options.directories, contexts, clock);
    kafka::Pipe pipe(settings, "republish", [] {}, clock);
    republish.send(pipe);
    republish.settle(settings.topic);
    fmt::print(
        "{} events of {} stand in the topic {}; start with --kafka {} --kafka-topic {}\n",
        republish.length(),
        republish.source(),
        settings.topic,
        settings.brokers,
        settings.topic
    );
    return 0;
}

}  // namespace

Run declare_topic(CLI::App& app, const Program& program) {
    auto options = std::make_unique<Options>();
    app.require_subcommand(1);
    CLI::App* const create_part =
        add_part(app, "create", "Make the topic as it has to be", *options);
    create_part->add_option("--replicas", options->replicas, "Brokers that have it")
        ->check(CLI::Range(1, 9))
        ->capture_default_str();
    CLI::App* const verify_part = add_part(
        app, "verify", "Look at the topic, and compare a directory's log with it", *options
    );
    verify_part->add_option(
        "--data-dir", options->data_dir, "A directory at rest; none: the topic alone"
    );
    CLI::App* const republish_part = add_part(
        app,
        "republish",
        "Carry the log of a directory, or the longest of all processes, to an empty topic",
        *options
    );
    republish_part
        ->add_option("DIR", options->directories, "The data directories, of all processes, at rest")
        ->required();
    CLI::App* const adopt_part = add_part(
        app,
        "adopt",
        "Take a context back whose file is older than what the topic has of it",
        *options
    );
    adopt_part->add_option("--data-dir", options->data_dir, "The directory, at rest")->required();
    adopt_part->add_option(
        "--context", options->context, "Whose file was restored; needed where there are several"
    );
    return [options = std::move(options), create_part, verify_part, adopt_part, &program] {
        if (create_part->parsed()) {
            return create(*options);
        }
        if (adopt_part->parsed()) {
            return adopt(
                settings_of(*options), options->data_dir, options->context, program.contexts
            );
        }
        return verify_part->parsed() ? verify(*options) : republish(*options, program.contexts);
    };
}

}  // namespace bookstore::tools
