#include "backup/backup_target.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "backup/backup.hpp"
#include "storage/directory.hpp"

namespace bookstore::backup {
namespace {

namespace fs = std::filesystem;

constexpr auto marker_name = "INCOMPLETE-BACKUP";
constexpr std::int64_t spare_bytes = 1 << 20;

std::string reason(int code) {
    return std::generic_category().message(code);
}

bool is_within(const fs::path& path, const fs::path& directory) {
    const auto end = std::ranges::mismatch(directory, path).in1;
    return end == directory.end();
}

/// Absolute, without dots, links and a slash at the end. The last part need not exist.
fs::path resolved(const std::string& directory) {
    fs::path path = fs::path(directory).lexically_normal();
    if (path.is_relative()) {
        throw NoBackup(400, "the directory of a backup must be given as an absolute path");
    }
    if (!path.has_filename()) {
        path = path.parent_path();
    }
    std::error_code error;
    const fs::path parent = fs::canonical(path.parent_path(), error);
    if (error || !fs::is_directory(parent)) {
        throw NoBackup(
            400, fmt::format("there is no directory {}: make it first", path.parent_path().string())
        );
    }
    return parent / path.filename();
}

/// It is not there, or empty, and the backup can take its name.
void require_free(const fs::path& directory, const fs::path& data_dir) {
    std::error_code error;
    if (is_within(directory, fs::weakly_canonical(data_dir, error))) {
        throw NoBackup(
            400, directory.string() + " is inside the data directory: choose another place"
        );
    }
    if (fs::symlink_status(directory, error).type() == fs::file_type::not_found) {
        return;
    }
    if (!fs::is_directory(fs::symlink_status(directory, error))) {
        throw NoBackup(409, directory.string() + " exists, and is no directory");
    }
    const bool empty = fs::is_empty(directory, error);
    if (error) {
        throw NoBackup(
            400, fmt::format("cannot look into {}: {}", directory.string(), error.message())
        );
    }
    if (!empty) {
        throw NoBackup(409, directory.string() + " exists and is not empty: name a new directory");
    }
    struct stat own{};
    struct stat parents{};
    const bool known = ::stat(directory.c_str(), &own) == 0 &&
                       ::stat(directory.parent_path().c_str(), &parents) == 0;
    if (known && own.st_dev != parents.st_dev) {
        throw NoBackup(400, directory.string() + " is a mount point: name a directory inside it");
    }
}

/// Its files are removed if there are any, so it must be what a killed backup left, and nothing
/// else.
void require_leftover(const fs::path& partial, const fs::path& data_dir) {
    std::error_code error;
    const auto status = fs::symlink_status(partial, error);
    if (status.type() == fs::file_type::not_found) {
        return;
    }
    const bool of_backup = fs::is_directory(status) &&
                           (fs::is_empty(partial, error) || fs::exists(partial / marker_name));
    if (!of_backup || is_within(partial, fs::weakly_canonical(data_dir, error))) {
        throw NoBackup(409, fmt::format("{} is in the way: remove it", partial.string()));
    }
}

void require_space(const fs::path& parent, std::int64_t bytes) {
    std::error_code error;
    const auto space = fs::space(parent, error);
    const auto needed = static_cast<std::uintmax_t>(bytes + spare_bytes);
    if (!error && space.capacity > 0 && space.available < needed) {
        throw NoBackup(
            507,
            fmt::format(
                "{} has room for {} bytes, the backup needs {}",
                parent.string(),
                space.available,
                needed
            )
        );
    }
}

}  // namespace

void reject_incomplete_backup(const std::string& directory) {
    if (fs::exists(fs::path(directory) / marker_name)) {
        throw storage::Refused(
            directory + " is a backup that did not come to its end; use another one"
        );
    }
}

BackupTarget::BackupTarget(
    const std::string& directory,
    const std::string& data_dir,
    std::vector<std::string> files,
    std::int64_t bytes
)
    : directory_(resolved(directory)),
      partial_(directory_.string() + ".partial"),
      files_(std::move(files)) {
    require_free(directory_, data_dir);
    require_leftover(partial_, data_dir);
    require_space(directory_.parent_path(), bytes);
    claim();
}

/// Makes the directory, or takes over one that a killed process left.
void BackupTarget::claim() {
    const auto unwritable = [this](int code) {
        std::error_code ignored;
        fs::remove(partial_, ignored);  // as long as nothing is in it
        throw NoBackup(
            400,
            fmt::format("cannot write to {}: {}", directory_.parent_path().string(), reason(code))
        );
    };
    if (::mkdir(partial_.c_str(), 0700) != 0 && errno != EEXIST) {
        unwritable(errno);
    }
    const std::string marker = path_of(marker_name);
    const int fd = ::open(marker.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        unwritable(errno);
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        throw NoBackup(409, "another backup is being written to " + directory_.string());
    }
    marker_ = fd;
    for (const auto& entry : fs::directory_iterator(partial_)) {
        if (!is_ours(entry.path())) {
            ::close(fd);
            std::error_code ignored;
            fs::remove(marker, ignored);
            throw NoBackup(409, fmt::format("{} is in the way: remove it", partial_.string()));
        }
        if (entry.path().filename() != marker_name) {
            std::error_code ignored;
            fs::remove(entry.path(), ignored);
        }
    }
}

/// A file that a backup writes, or SQLite beside one.
bool BackupTarget::is_ours(const fs::path& file) const {
    const std::string name = file.filename().string();
    return name == marker_name || name == "lock" ||
           std::ranges::any_of(files_, [&](const std::string& ours) {
               return file.stem() == fs::path(ours).stem();
           });
}

/// And the directory, if nothing else is in it.
void BackupTarget::remove_files() const {
    std::error_code ignored;
    for (const std::string& file : files_) {
        fs::remove(partial_ / file, ignored);
    }
    fs::remove(partial_ / marker_name, ignored);
    fs::remove(partial_, ignored);
}

BackupTarget::~BackupTarget() {
    if (!complete_) {
        remove_files();
    }
    ::close(marker_);
}

void BackupTarget::complete() {
    try {
        storage::sync_directory(partial_.string());
        fs::remove(partial_ / marker_name);
        // Into the place of nothing, or of an empty directory; never of one that is not.
        if (std::rename(partial_.c_str(), directory_.c_str()) != 0) {
            const int code = errno;
            throw NoBackup(
                code == EEXIST || code == ENOTEMPTY ? 409 : 500,
                fmt::format("cannot give {} its name: {}", directory_.string(), reason(code))
            );
        }
        complete_ = true;
        storage::sync_directory(directory_.string());
        storage::sync_directory(directory_.parent_path().string());
    } catch (const std::system_error& error) {
        throw NoBackup(
            500, fmt::format("cannot complete {}: {}", directory_.string(), error.what())
        );
    }
}

}  // namespace bookstore::backup
