#pragma once

#include <string>

#include "storage/error.hpp"

namespace bookstore::storage {

/// Another process holds the data directory.
class DirectoryHeld : public Refused {
    using Refused::Refused;
};

/// Holds a data directory for this process alone (flock on DIR/lock), for life.
class DirectoryLock {
  public:
    /// Makes the directory when it is missing. Throws Refused: it cannot be made or written to;
    /// DirectoryHeld.
    explicit DirectoryLock(const std::string& directory);
    ~DirectoryLock();
    DirectoryLock(const DirectoryLock&) = delete;
    DirectoryLock& operator=(const DirectoryLock&) = delete;

  private:
    int fd_ = -1;
};

/// Throws Refused when this process may not write a database file, what SQLite keeps beside it
/// (`-wal`, `-shm`), or the directory that they are in; whichever of them are there. The message
/// names it, and says how that is mended. SQLite itself would open such a file for reading, and
/// say nothing before the first write.
void require_writable(const std::string& path);

/// Makes the directory's entries themselves durable. Call after files were made in it. Throws
/// std::system_error.
void sync_directory(const std::string& directory);

}  // namespace bookstore::storage
