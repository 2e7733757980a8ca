#include "kafka/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>

namespace bookstore::kafka {
namespace {

constexpr std::array<std::string_view, 27> own_names{
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "queuing.strategy",
    "request.required.acks",
    "retries",
    "statistics.interval.ms",
    "transactional.id",
};
static_assert(std::ranges::is_sorted(own_names));

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

/// Throws why, without saying where.
Setting parse_line(std::string_view line, const std::vector<Setting>& before) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
        throw std::runtime_error("is no NAME=VALUE");
    }
    Setting setting{
        .name = std::string(trimmed(line.substr(0, equals))),
        .value = std::string(trimmed(line.substr(equals + 1)))
    };
    if (setting.name.empty()) {
        throw std::runtime_error("has no name in front of the =");
    }
    if (std::ranges::find(before, setting.name, &Setting::name) != before.end()) {
        throw std::runtime_error(fmt::format("says {} again", setting.name));
    }
    if (const auto fault = setting_fault(setting)) {
        throw std::runtime_error(*fault);
    }
    return setting;
}

}  // namespace

bool is_set_by_the_pipe(std::string_view name) {
    return std::ranges::binary_search(own_names, name);
}

std::vector<Setting> read_config(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error(fmt::format("cannot read {}", path));
    }
    std::vector<Setting> settings;
    std::string text;
    for (int number = 1; std::getline(file, text); ++number) {
        const std::string_view line = trimmed(text);
        if (line.empty() || line.front() == '#') {
            continue;
        }
        try {
            settings.push_back(parse_line(line, settings));
        } catch (const std::runtime_error& error) {
            throw std::runtime_error(fmt::format("{}:{}: {}", path, number, error.what()));
        }
    }
    if (file.bad()) {
        throw std::runtime_error(fmt::format("cannot read {}", path));
    }
    return settings;
}

}  // namespace bookstore::kafka
