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

/// 0 when this process may do that with it, or it is not there; else why not, as errno says it.
int problem_with(const std::string& path, int access) {
    // By the effective user, and asked of the kernel: it knows of capabilities, of file systems
    // that are mounted read-only, and of files that are marked immutable.
    if (::faccessat(AT_FDCWD, path.c_str(), access, AT_EACCESS) == 0 || errno == ENOENT) {
        return 0;
    }
    return errno;
}

std::string way_out(const std::string& path, const std::string& directory, int problem) {
    if (problem == EROFS) {
        return "its file system is mounted read-only: mount it for writing";
    }
    if (problem == EPERM) {
        return fmt::format("it is marked immutable: chattr -i '{}'", path);
    }
    return fmt::format(
        "make the whole directory this user's own: chown -R {}:{} '{}' && chmod -R u+rwX '{}'",
        ::geteuid(),
        ::getegid(),
        directory,
        directory
    );
}

[[noreturn]] void refuse(const std::string& path, const std::string& directory, int problem) {
    throw Refused(fmt::format(
        "cannot write to {}: {}; {}",
        path,
        std::strerror(problem),
        way_out(path, directory, problem)
    ));
}

void require_writable_directory(const std::string& directory) {
    if (const int problem = problem_with(directory, R_OK | W_OK | X_OK)) {
        refuse("the data directory " + directory, directory, problem);
    }
}

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
    require_writable_directory(directory);
    const std::string path = directory + "/lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) {
        const int problem = errno;
        std::error_code error;
        const bool there = std::filesystem::exists(path, error);
        refuse(there ? path : "the data directory " + directory, directory, problem);
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd_);
        throw DirectoryHeld(fmt::format(
            "the data directory {} is held by another bookstore process; stop it, or choose "
            "another --data-dir",
            directory
        ));
    }
}

DirectoryLock::~DirectoryLock() {
    ::close(fd_);
}

void require_writable(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    const std::string directory = parent.empty() ? "." : parent;
    require_writable_directory(directory);
    for (const char* const suffix : {"", "-wal", "-shm"}) {
        if (const int problem = problem_with(path + suffix, R_OK | W_OK)) {
            refuse(path + suffix, directory, problem);
        }
    }
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
