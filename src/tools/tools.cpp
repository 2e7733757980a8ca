#include "tools/tools.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "backup/backup.hpp"
#include "host/system.hpp"
#include "http/client.hpp"
#include "observe/logs.hpp"
#include "storage/directory.hpp"

namespace bookstore::tools {
namespace {

constexpr std::size_t events_a_read = 1000;
constexpr auto poll = std::chrono::milliseconds(100);

/// Takes the stream's lines apart: prints what follows "data: ".
class DataLines {
  public:
    void take(std::string_view piece) {
        rest_ += piece;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos;) {
            const std::string_view line = std::string_view(rest_).substr(begin, end - begin);
            constexpr std::string_view data = "data: ";
            if (line.starts_with(data)) {
                fmt::print("{}\n", line.substr(data.size()));
            }
            begin = end + 1;
        }
        rest_.erase(0, begin);
        std::fflush(stdout);
    }

  private:
    std::string rest_;
};

std::string message_of(std::string_view body) {
    boost::json::error_code error;
    const auto value = boost::json::parse(body, error);
    if (!error && value.is_object()) {
        if (const auto* message = value.as_object().if_contains("message")) {
            if (message->is_string()) {
                return std::string(message->as_string());
            }
        }
    }
    return std::string(body);
}

std::string joined(const std::string& url, std::string_view path) {
    return (url.ends_with('/') ? url.substr(0, url.size() - 1) : url) + std::string(path);
}

/// A data directory that is there, held by this process.
class OpenDirectory {
  public:
    explicit OpenDirectory(const std::string& directory) : lock_(checked(directory)) {
        observe::set_up_log(observe::LogFormat::text, "warning");
    }

  private:
    static const std::string& checked(const std::string& directory) {
        if (!std::filesystem::exists(directory + "/topic.db")) {
            throw storage::Refused(directory + " is no data directory: it has no topic.db");
        }
        backup::refuse_half_backup(directory);
        return directory;
    }
    storage::DirectoryLock lock_;
};

int print_events_of_directory(const std::string& directory, const host::Contexts& contexts) {
    const OpenDirectory open(directory);
    const SystemClock clock;
    SystemRandom random;
    host::System system(contexts, {.data_dir = directory}, clock, random, [](std::size_t) {});
    while (system.relay().step()) {
    }
    std::int64_t position = 0;
    while (position < system.topic().end()) {
        const auto batch = system.topic().read(position, {}, events_a_read);
        for (const auto& event : batch.events) {
            fmt::print("{}\n", event->payload);
        }
        position = batch.scanned;
    }
    return 0;
}

int rebuild_in_directory(const RebuildOptions& options, const host::Contexts& contexts) {
    const OpenDirectory open(options.data_dir);
    const SystemClock clock;
    SystemRandom random;
    host::System system(contexts, {.data_dir = options.data_dir}, clock, random, [](std::size_t) {
    });
    while (system.relay().step()) {
    }
    kernel::HostedModule& module = *system.owner_of_read_model(options.read_model);
    kernel::Rebuild& rebuild = module.rebuild(options.read_model);
    rebuild.begin();
    while (rebuild.under_way()) {
        if (!module.step()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    module.finish();
    if (!rebuild.progress().failure.empty()) {
        throw std::runtime_error(
            options.read_model + " was not rebuilt: " + rebuild.progress().failure
        );
    }
    fmt::print("{} was rebuilt from {} events\n", options.read_model, system.topic().end());
    return 0;
}

}  // namespace

int print_events(const EventsOptions& options, const host::Contexts& contexts) {
    if (!options.data_dir.empty()) {
        return print_events_of_directory(options.data_dir, contexts);
    }
    const bool follow = options.follow || !options.from_beginning;
    const std::string target = fmt::format(
        "/events?from={}&follow={}", options.from_beginning ? "beginning" : "end", follow
    );
    DataLines lines;
    std::string error;
    int status = 0;
    http::fetch_stream(
        http::parse_url(joined(options.url, target)),
        {},
        [&status](int got) { status = got; },
        [&](std::string_view piece) {
            if (status == 200) {
                lines.take(piece);
            } else {
                error += piece;
            }
            return true;
        }
    );
    if (status != 200) {
        throw std::runtime_error(
            fmt::format("{} answered {}: {}", options.url, status, message_of(error))
        );
    }
    return 0;
}

int rebuild(const RebuildOptions& options, const host::Contexts& contexts) {
    if (!options.data_dir.empty()) {
        return rebuild_in_directory(options, contexts);
    }
    const auto url = http::parse_url(joined(options.url, "/rebuilds/" + options.read_model));
    const auto begun = http::fetch(http::Method::post, url);
    if (begun.status != 202) {
        throw std::runtime_error(
            fmt::format("{} answered {}: {}", options.url, begun.status, message_of(begun.body))
        );
    }
    for (;;) {
        const auto progress = http::fetch(http::Method::get, url);
        const auto body = boost::json::parse(progress.body).as_object();
        const std::string state(body.at("state").as_string());
        if (state != "building") {
            fmt::print(
                "{}: {} (position {} of {})\n",
                options.read_model,
                state,
                body.at("position").as_int64(),
                body.at("end").as_int64()
            );
            return state == "done" ? 0 : 1;
        }
        std::this_thread::sleep_for(poll);
    }
}

int healthcheck(const HealthcheckOptions& options) {
    const auto answer = http::fetch(
        http::Method::get,
        http::parse_url(joined(options.url, "/isHealthy")),
        {},
        {},
        std::chrono::milliseconds(options.timeout_ms)
    );
    if (answer.status == 200) {
        return 0;
    }
    throw std::runtime_error(
        fmt::format("{} answered {}: {}", options.url, answer.status, message_of(answer.body))
    );
}

}  // namespace bookstore::tools
