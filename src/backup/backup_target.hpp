#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace bookstore::backup {

/// Where a backup goes: a directory of another name beside it, which takes its name when the backup
/// is whole. Whatever is not complete() is removed again.
class BackupTarget {
  public:
    /// Throws NoBackup when it is no place for `bytes` of backup of that data directory.
    BackupTarget(const std::string& directory, const std::string& data_dir, std::int64_t bytes);
    ~BackupTarget();
    BackupTarget(const BackupTarget&) = delete;
    BackupTarget& operator=(const BackupTarget&) = delete;

    /// The path of a file in it.
    std::string path_of(const std::string& name) const { return (partial_ / name).string(); }
    /// The files, which are synced, become the backup. Throws NoBackup.
    void complete();

    const std::filesystem::path& directory() const { return directory_; }

  private:
    void claim();

    std::filesystem::path directory_;
    std::filesystem::path partial_;
    int marker_ = -1;  ///< open and locked while the backup is taken
    bool complete_ = false;
};

}  // namespace bookstore::backup
