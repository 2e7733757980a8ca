#include "tools/offline_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "backup/backup.hpp"
#include "observe/logs.hpp"
#include "storage/error.hpp"
#include "storage/wal_stamp.hpp"

namespace bookstore::tools {
namespace {

/// The databases with their WALs; the index of a WAL is made anew.
void copy_databases(
    const std::string& from, const std::string& to, const host::Contexts& contexts
) {
    for (const std::string& name : host::file_names(contexts)) {
        storage::require_own_wal(fmt::format("{}/{}", from, name));
        for (const std::string& file : {name, name + "-wal"}) {
            if (std::filesystem::exists(fmt::format("{}/{}", from, file))) {
                std::filesystem::copy_file(
                    fmt::format("{}/{}", from, file), fmt::format("{}/{}", to, file)
                );
                std::filesystem::permissions(
                    fmt::format("{}/{}", to, file),
                    std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
                );
            }
        }
    }
}

}  // namespace

std::string make_temporary_directory() {
    std::string path = std::filesystem::temp_directory_path() / "bookstore-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        throw storage::Refused(fmt::format("{} cannot be made: {}", path, std::strerror(errno)));
    }
    return path;
}

void remove_directory(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

void require_data(const std::string& directory) {
    if (!std::filesystem::exists(directory + "/topic.db")) {
        throw storage::Refused(directory + " is no data directory: it has no topic.db");
    }
    backup::reject_incomplete_backup(directory);
}

OfflineDirectory::OfflineDirectory(const std::string& directory, const std::string& unheld) {
    require_data(directory);
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
    : directory_(directory), offline_(directory, contexts, clock_) {}

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

CopiedDirectory::CopiedDirectory(
    const std::string& directory, const host::Contexts& contexts, const std::string& held
) {
    require_data(directory);
    const UntouchedDirectory untouched(directory, held);
    path_ = make_temporary_directory();
    try {
        copy_databases(directory, path_, contexts);
    } catch (const std::filesystem::filesystem_error& error) {
        remove();
        throw storage::Refused(fmt::format(
            "{} is read in a copy, which cannot be made ({}): TMPDIR names a directory with room",
            directory,
            error.code().message()
        ));
    } catch (...) {
        remove();
        throw;
    }
}

CopiedDirectory::~CopiedDirectory() {
    remove();
}

void CopiedDirectory::remove() {
    remove_directory(path_);
}

}  // namespace bookstore::tools
