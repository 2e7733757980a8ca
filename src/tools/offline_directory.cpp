#include "tools/offline_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "backup/backup.hpp"
#include "observe/logs.hpp"
#include "storage/error.hpp"

namespace bookstore::tools {
namespace {

/// The contexts whose files are there. One that is missing, of a context that is hosted elsewhere,
/// say, must not be made: an empty one would be taken for what that context knows.
std::vector<std::string> names_of_files(
    const std::string& directory, const host::Contexts& contexts
) {
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

}  // namespace

OfflineDirectory::OfflineDirectory(const std::string& directory, const std::string& unheld) {
    if (!std::filesystem::exists(directory + "/topic.db")) {
        throw storage::Refused(directory + " is no data directory: it has no topic.db");
    }
    backup::reject_incomplete_backup(directory);
    try {
        lock_.emplace(directory);
    } catch (const storage::DirectoryHeld&) {
        if (unheld.empty()) {
            throw;
        }
        throw storage::Refused(unheld);
    }
    observe::set_up_log(observe::LogFormat::text, "warning");
}

OfflineContexts::OfflineContexts(const std::string& directory, const host::Contexts& contexts)
    : directory_(directory),
      system_(
          contexts,
          {.data_dir = directory, .modules = names_of_files(directory, contexts)},
          clock_,
          random_,
          [](std::size_t) {}
      ) {
    while (system_.relay().step()) {
    }
}

UntouchedDirectory::UntouchedDirectory(const std::string& directory, const std::string& held)
    : fd_(::open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd_);
        throw std::runtime_error(
            !held.empty() ? held
                          : "the data directory " + directory +
                                " is held by a running bookstore: stop it, or take a backup and "
                                "check that"
        );
    }
}

UntouchedDirectory::~UntouchedDirectory() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

}  // namespace bookstore::tools
