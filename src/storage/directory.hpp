#pragma once

#include <string>

namespace bookstore::storage {

/// Holds a data directory for this process alone (flock on DIR/lock), for life.
class DirectoryLock {
  public:
    /// Makes the directory when it is missing. Throws Refused: it cannot be made or written to, or
    /// another process holds it.
    explicit DirectoryLock(const std::string& directory);
    ~DirectoryLock();
    DirectoryLock(const DirectoryLock&) = delete;
    DirectoryLock& operator=(const DirectoryLock&) = delete;

  private:
    int fd_ = -1;
};

/// Makes the directory's entries themselves durable. Call after files were made in it. Throws
/// std::system_error.
void sync_directory(const std::string& directory);

}  // namespace bookstore::storage
