#include "host/offline_system.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "bus/mirror_table.hpp"
#include "bus/offline_pipe.hpp"
#include "storage/connection.hpp"
#include "storage/error.hpp"

namespace bookstore::host {
namespace {

/// The contexts whose files are there. One that is missing, of a context that is hosted elsewhere,
/// say, must not be made: an empty one would be taken for what that context knows.
std::vector<std::string> names_of_files(const std::string& directory, const Contexts& contexts) {
    std::vector<std::string> names;
    for (const kernel::Context& context : contexts) {
        if (std::filesystem::exists(fmt::format("{}/{}.db", directory, context.name))) {
            names.push_back(context.name);
        }
    }
    if (names.empty()) {
        throw storage::Refused(directory + " has the file of no context");
    }
    return names;
}

PartitionOptions partition_of(const std::string& directory) {
    storage::Connection db(directory + "/topic.db", storage::Connection::Mode::read_only);
    if (!db.query_text("SELECT name FROM sqlite_master WHERE name = 'partition'")) {
        return {};  // it is not migrated yet
    }
    const auto read_to = bus::MirrorTable::read_to(db);
    if (!read_to) {
        return {};
    }
    PartitionOptions options;
    options.topic = read_to->topic;
    options.pipe = [read_to =
                        *read_to](const std::function<void()>&) -> std::unique_ptr<bus::Pipe> {
        return std::make_unique<bus::OfflinePipe>(read_to);
    };
    return options;
}

}  // namespace

OfflineSystem::OfflineSystem(
    const std::string& directory, const Contexts& contexts, const Clock& clock
)
    : OfflineSystem(directory, contexts, clock, partition_of(directory)) {}

OfflineSystem::OfflineSystem(
    const std::string& directory,
    const Contexts& contexts,
    const Clock& clock,
    PartitionOptions partition
)
    : system_(
          contexts,
          {.data_dir = directory,
           .modules = names_of_files(directory, contexts),
           .partition = std::move(partition)},
          clock,
          random_,
          [](std::size_t) {}
      ) {
    while (system_.relay().step()) {
    }
    for (const auto& module : system_.modules()) {
        while (module->database().writer().step()) {
        }
    }
}

}  // namespace bookstore::host
