#include "host/health.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/statvfs.h>

namespace bookstore::host {
namespace {

constexpr std::uint64_t least_free_bytes = 1 << 20;

}  // namespace

bool disk_is_full(const std::string& directory) {
    struct statvfs disk{};
    return statvfs(directory.c_str(), &disk) == 0 &&
           static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < least_free_bytes;
}

Health::Health(System& system, const Threads& threads, const Clock& clock, Options options)
    : system_(system), threads_(threads), clock_(clock), options_(std::move(options)) {}

void Health::update() {
    disk_full_ = disk_is_full(options_.data_dir);
    for (const auto& module : system_.modules()) {
        module->try_storage();
    }
    const std::string found = fault();
    if (found.empty()) {
        if (!logged_.empty()) {
            spdlog::info("healthy again");
        }
        unhealthy_since_steady_ms_.reset();
    } else {
        if (found != logged_) {
            spdlog::error("unhealthy: {}", found);
        }
        if (!unhealthy_since_steady_ms_) {
            unhealthy_since_steady_ms_ = clock_.steady_ms();
        }
    }
    logged_ = found;
}

std::chrono::milliseconds Health::unhealthy_for() const {
    const std::int64_t now = clock_.steady_ms();
    return std::chrono::milliseconds(now - unhealthy_since_steady_ms_.value_or(now));
}

std::string Health::fault() const {
    if (zombie_) {
        return "Zombie...";
    }
    if (disk_full_) {
        return "the disk of the data directory is full";
    }
    for (std::size_t place = 0; place < system_.modules().size(); ++place) {
        if (auto found = fault_of(place); !found.empty()) {
            return found;
        }
    }
    if (auto found = fault_of(system_.relay_place()); !found.empty()) {
        return found;
    }
    return fault_of_broker();
}

std::string Health::fault_of_broker() const {
    const auto stats = system_.pipe_stats();
    const std::int64_t patience_ms = std::chrono::milliseconds(options_.broker_patience).count();
    if (!stats || stats->connected || patience_ms == 0) {
        return {};
    }
    const std::int64_t away_ms = clock_.now_ms() - stats->since_ms;
    return away_ms < patience_ms ? std::string()
                                 : fmt::format("no Kafka broker answers for {} s", away_ms / 1000);
}

std::string Health::fault_of(std::size_t place) const {
    const bool relay = place == system_.relay_place();
    const std::string name =
        relay ? "the relay" : fmt::format("the {} context", system_.modules()[place]->name());
    if (const auto busy = threads_.busy_for(place); busy > options_.stall_timeout) {
        return fmt::format("{} hangs: it is in one step for {} s", name, busy.count() / 1000);
    }
    if (relay) {
        return system_.relay().fault();
    }
    kernel::HostedModule& module = *system_.modules()[place];
    if (!module.storage_healthy()) {
        return fmt::format("the storage of {} refuses writes ({}.db)", name, module.name());
    }
    if (module.gate().refuses()) {
        return module.gate().reason();
    }
    if (!system_.relay().healthy(module.name())) {
        return fmt::format("the events of {} cannot be relayed ({}.db)", name, module.name());
    }
    const std::string part = module.available() ? module.failing_part() : "";
    return part.empty() ? ""
                        : fmt::format("{} of {} cannot go on ({}.db)", part, name, module.name());
}

}  // namespace bookstore::host
