#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bookstore::backup {

/// Where a backup goes: a directory of another name beside it, which takes its name when the backup
/// is whole. Whatever is not complete() is removed again.
class BackupTarget {
  public:
    /// `files`: the names of those that a backup may have. Throws NoBackup when it is no place for
    /// `bytes` of backup of that data directory.
    BackupTarget(
        const std::string& directory,
        const std::string& data_dir,
        std::vector<std::string> files,
        std::int64_t bytes
    );
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
    void remove_files() const;
    bool is_ours(const std::filesystem::path& file) const;

    std::filesystem::path directory_;
    std::filesystem::path partial_;
    std::vector<std::string> files_;
    int marker_ = -1;  ///< open and locked while the backup is taken
    bool complete_ = false;
};

}  // namespace bookstore::backup
