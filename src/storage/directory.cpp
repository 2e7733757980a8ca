#include "storage/directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "storage/error.hpp"

namespace bookstore::storage {

namespace {

/// With those above it; each new one's entry is made durable, or a power loss takes all in it away.
void make_directory(const std::filesystem::path& directory) {
    std::error_code error;
    std::vector<std::filesystem::path> parents;
    std::filesystem::path at = std::filesystem::absolute(directory, error).lexically_normal();
    for (; !error && !std::filesystem::exists(at, error) && at.has_relative_path();) {
        at = at.parent_path();
        parents.push_back(at);
    }
    error.clear();
    std::filesystem::create_directories(directory, error);
    if (error) {
        throw Refused(fmt::format(
            "cannot make the data directory {}: {}", directory.string(), error.message()
        ));
    }
    for (const std::filesystem::path& parent : parents) {
        try {
            sync_directory(parent.string());
        } catch (const std::system_error& failed) {
            if (failed.code() != std::errc::permission_denied) {
                throw Refused(
                    fmt::format("cannot make the data directory durable: {}", failed.what())
                );
            }
        }
    }
}

}  // namespace

DirectoryLock::DirectoryLock(const std::string& directory) {
    make_directory(directory);
    const std::string path = directory + "/lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) {
        throw Refused(fmt::format(
            "cannot write to the data directory {}: {}", directory, std::strerror(errno)
        ));
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd_);
        throw Refused(fmt::format(
            "the data directory {} is held by another bookstore process; stop it, or choose "
            "another --data-dir",
            directory
        ));
    }
}

DirectoryLock::~DirectoryLock() {
    ::close(fd_);
}

void sync_directory(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ::fsync(fd) != 0) {
        const int code = errno;
        if (fd >= 0) {
            ::close(fd);
        }
        throw std::system_error(code, std::generic_category(), "sync " + directory);
    }
    ::close(fd);
}

}  // namespace bookstore::storage
