#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "host/system.hpp"

namespace bookstore::backup {

/// A copy of a whole data directory, its files all of one moment.
struct Backup {
    struct File {
        std::string name;
        std::int64_t bytes = 0;
    };
    std::string directory;
    std::vector<File> files;
    std::int64_t bytes = 0;
    std::int64_t topic_position = 0;  ///< the last event in it
    std::int64_t taken_at_ms = 0;     ///< the moment that it shows, wall clock
    std::int64_t writers_stood_us = 0;
    std::int64_t took_ms = 0;
};

/// Why there is no backup, and nothing is left of it: a status of HTTP, and a line for the user.
class NoBackup : public std::runtime_error {
  public:
    NoBackup(int status, const std::string& why) : std::runtime_error(why), status_(status) {}
    int status() const { return status_; }

  private:
    int status_;
};

/// Takes backups of the running system, one at a time, on a thread of its own: all writers stand
/// between two commits while a snapshot of every file is opened, then go on; the files are copied
/// from their snapshots. A snapshot that is held keeps its file's WAL growing: each is let go of as
/// soon as its file is copied.
class Backups {
  public:
    using Result = std::variant<Backup, NoBackup>;

    /// The system outlives it; its threads step it while a backup is taken.
    Backups(host::System& system, std::string data_dir, const Clock& clock);
    ~Backups() { stop(); }
    Backups(const Backups&) = delete;
    Backups& operator=(const Backups&) = delete;

    /// Begins one into that directory, which must not exist or be empty; `done` is told on
    /// another thread. false when one is under way. Any thread.
    bool begin(const std::string& directory, std::function<void(Result)> done);
    /// Gives up the one that is under way, and takes no more. Before the system's threads end.
    void stop();

  private:
    Result take(const std::string& directory);

    host::System& system_;
    std::string data_dir_;
    const Clock& clock_;
    std::mutex mutex_;
    std::thread thread_;      ///< guarded by mutex_
    bool under_way_ = false;  ///< guarded by mutex_
    std::atomic<bool> stopping_{false};
};

/// The same of a directory that this process holds, and no system is open on. `files`: the names of
/// those that it may have (host::file_names). Throws NoBackup.
Backup back_up_directory(
    const std::string& data_dir, const std::string& directory, const std::vector<std::string>& files
);

/// Throws storage::Refused when that directory is a backup that did not come to its end.
void reject_incomplete_backup(const std::string& directory);

}  // namespace bookstore::backup
