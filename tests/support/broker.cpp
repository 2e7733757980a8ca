#include "support/broker.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "support/eventually.hpp"
#include "support/program.hpp"
#include "support/text_file.hpp"

namespace bookstore::test {
namespace {

const std::string script = PROJECT_ROOT "/scripts/kafka";

/// Kills the brokers of a directory once nobody holds what is returned, and removes it.
int kill_at_the_end(const std::string& directory) {
    return start_survivor(
        R"(read -r -u 3; SIGNAL=KILL "$1" stop "$2"; rm -rf "$2")", {script, directory}
    );
}

bool is_stopped(int pid) {
    const std::string stat = text_of_file(fmt::format("/proc/{}/stat", pid));
    return stat.contains(") T ");
}

}  // namespace

Broker::Broker(int count, const std::string& settings)
    : count_(count),
      ports_(ReservedPorts::in_a_row(2 * static_cast<std::size_t>(count))),
      port_(ports_.at(0)),
      life_(kill_at_the_end(files_.path())) {
    for (int i = 0; i < count; ++i) {
        address_ += fmt::format("{}127.0.0.1:{}", i == 0 ? "" : ",", port_ + i);
    }
    try {
        run(
            {"/usr/bin/env",
             "BOOKSTORE_KAFKA_SET=" + settings,
             script,
             "start",
             files_.path(),
             fmt::to_string(port_),
             fmt::to_string(count)}
        );
    } catch (...) {
        ::close(life_);
        throw;
    }
}

Broker::~Broker() {
    try {
        kill();
    } catch (const std::exception&) {
        // Who holds the other end of the pipe tries again.
    }
    ::close(life_);
}

std::string Broker::run(std::vector<std::string> words) const {
    const Finished finished = run_program(words, std::chrono::seconds(180));
    if (finished.status != 0) {
        throw std::runtime_error(fmt::format(
            "{}: status {}: {}{}",
            fmt::join(words, " "),
            finished.status,
            finished.out,
            finished.error
        ));
    }
    return finished.out;
}

std::string Broker::directory_of(int which) const {
    return which == 0 ? files_.path() : fmt::format("{}/{}", files_.path(), which);
}

void Broker::start(int which) {
    run({script, "start", directory_of(which)});
}

void Broker::stop(int which) {
    run({script, "stop", directory_of(which)});
}

void Broker::kill(int which) {
    run({"/usr/bin/env", "SIGNAL=KILL", script, "stop", directory_of(which)});
}

std::vector<int> Broker::pids(int which) const {
    std::vector<int> pids;
    for (int i = 1; i <= count_; ++i) {
        if (which == 0 || which == i) {
            pids.push_back(std::stoi(text_of_file(directory_of(i) + "/pid")));
        }
    }
    return pids;
}

void Broker::freeze(int which) const {
    for (const int pid : pids(which)) {
        if (::kill(pid, SIGSTOP) != 0 || !eventually([pid] { return is_stopped(pid); })) {
            throw std::runtime_error(fmt::format("the broker {} does not stand still", pid));
        }
    }
}

void Broker::thaw(int which) const {
    for (const int pid : pids(which)) {
        ::kill(pid, SIGCONT);
    }
}

std::string Broker::tool(const std::string& name, std::vector<std::string> arguments) const {
    std::vector<std::string> words{script, name, "--bootstrap-server", address_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words);
}

std::string Broker::topics(std::vector<std::string> arguments) const {
    return tool("topics", std::move(arguments));
}

std::string Broker::configs(std::vector<std::string> arguments) const {
    return tool("configs", std::move(arguments));
}

std::string Broker::groups(std::vector<std::string> arguments) const {
    return tool("groups", std::move(arguments));
}

std::string Broker::console_consumer(const std::string& topic, int count) const {
    return tool(
        "console-consumer",
        {"--topic", topic, "--from-beginning", "--max-messages", fmt::to_string(count)}
    );
}

void Broker::create_topic(const std::string& name, const std::vector<std::string>& settings) const {
    std::vector<std::string> words{"--create", "--topic", name, "--partitions", "1"};
    std::vector<std::string> all{
        "message.timestamp.type=LogAppendTime", "retention.ms=-1", "retention.bytes=-1"
    };
    all.insert(all.end(), settings.begin(), settings.end());
    for (const std::string& setting : all) {
        words.insert(words.end(), {"--config", setting});
    }
    topics(words);
}

void Broker::delete_topic(const std::string& name) const {
    topics({"--delete", "--topic", name});
}

}  // namespace bookstore::test
