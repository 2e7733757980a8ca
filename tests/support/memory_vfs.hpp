#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bookstore::test {

/// What goes down.
enum class Crash {
    process,     ///< the process: what was written is kept, shared memory and locks go
    power_loss,  ///< the power: everything since a file's last sync is lost
    /// The power, while the disk was writing: of what was written since a file's last sync nothing,
    /// all, the beginning or any part survives, a write torn between sectors of 512 bytes.
    power_loss_torn,
};

/// A file operation that can be made to fail.
enum class FileOperation { read, write, sync };

struct Failure {
    FileOperation operation = FileOperation::write;
    int code = 0;           ///< SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, ...
    std::string file = {};  ///< of files whose name contains it; empty: of all
    int skip = 0;           ///< this many succeed before
    int times = 1;          ///< this many fail; after them everything succeeds again
    /// A sync that fails is not made up for by a later one: what it covered is read back as written
    /// but never reaches the disk. (Linux marks pages that it could not write as clean.)
    bool forgets = false;
};

/// A file system for SQLite that keeps its files in memory, with all that WAL mode needs of several
/// connections in one process. Registered under a name of its own while it lives; the same seed and
/// the same calls make the same files. Thread-safe.
///
/// To play a crash: crash(), destroy the databases as usual, restart(), open them again. From
/// crash() on whatever the old owners do fails and reaches nothing; what they had open stays dead
/// for good.
///
/// The directory: a file is there after a power loss if it was synced, or if a journal or a WAL
/// that was made after it was (SQLite syncs the directory then). A deleted file may come back until
/// then.
class MemoryVfs {
  public:
    explicit MemoryVfs(std::uint64_t seed = 1);
    /// Every connection must have been closed.
    ~MemoryVfs();
    MemoryVfs(const MemoryVfs&) = delete;
    MemoryVfs& operator=(const MemoryVfs&) = delete;

    /// The name it is registered under.
    const std::string& name() const;

    void crash(Crash kind);
    /// Files can be opened again.
    void restart();
    /// Between crash() and restart()?
    bool down() const;

    void fail(Failure failure);
    void clear_failures();
    /// How many operations were made to fail since it was made.
    int failed() const;

    /// That part of the file is read as rubbish from now on, whatever is written there, until
    /// heal(): then it is what it would be without. (A sector that does not let itself be read.)
    void damage(const std::string& file, std::int64_t offset, std::int64_t size);
    void heal();
    /// How many reads came upon it since the file system was made.
    int damaged_reads() const;

    /// Called before each write and sync of a file; it may crash() and fail() this file system, no
    /// more. Runs on the thread of the caller, outside of the lock.
    void before_write(std::function<void(FileOperation, const std::string& file)> hook);

    /// Operations that succeeded so far, on files whose name contains `file` (empty: on all).
    int syncs(std::string_view file = {}) const;
    int writes(std::string_view file = {}) const;
    /// Locks of shared memory that were asked for so far: every read transaction needs one.
    int memory_locks() const;
    /// Bytes; 0 when there is no such file.
    std::size_t size(const std::string& file) const;
    bool exists(const std::string& file) const;
    std::vector<std::string> files() const;
    /// Files that are open now, once each time they were opened.
    int open_handles() const;

    /// The content of every file, all of it on disk: to begin many runs at the same state.
    using Image = std::map<std::string, std::string>;
    Image image() const;
    /// Replaces all files. Nothing may be open.
    void load(const Image& image);
    /// The file of that name is what the image has under it, or is gone when it has none. Nobody
    /// may have it open.
    void put_back(const Image& image, const std::string& name);

    class Impl;  ///< public for SQLite's callbacks, which are free functions

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace bookstore::test
