#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "host/offline_system.hpp"
#include "host/system.hpp"
#include "storage/directory.hpp"

namespace bookstore::tools {

/// Throws storage::Refused when that is no data directory, or half a backup.
void require_data(const std::string& directory);

/// A new one under the directory for temporary files. Throws storage::Refused.
std::string make_temporary_directory();
/// With what is in it, as far as that can be removed.
void remove_directory(const std::string& path);

/// A data directory that is there, held by this process alone, for life. Of what is logged only
/// warnings are shown.
class OfflineDirectory {
  public:
    /// Throws storage::Refused when it has no data, is half a backup, or cannot be held; of the
    /// last it says `unheld`, if given.
    explicit OfflineDirectory(const std::string& directory, const std::string& unheld = {});

  private:
    std::optional<storage::DirectoryLock> lock_;
};

/// The contexts that have a file there, opened on such a directory. Whatever was published there is
/// in the topic. Nothing runs unless it is stepped.
class OfflineContexts {
  public:
    OfflineContexts(const std::string& directory, const host::Contexts& contexts);

    host::System& system() { return offline_.get(); }
    const Clock& clock() const { return clock_; }
    Random& random() { return offline_.random(); }

  private:
    OfflineDirectory directory_;
    SystemClock clock_;
    host::OfflineSystem offline_;
};

/// No bookstore holds that directory as long as this lives, and it is left as it was found: a
/// backup has no file to be held by, and none is made.
class UntouchedDirectory {
  public:
    /// Throws std::runtime_error when a process holds it; it says `held` then, if given.
    explicit UntouchedDirectory(const std::string& directory, const std::string& held = {});
    ~UntouchedDirectory();
    UntouchedDirectory(const UntouchedDirectory&) = delete;
    UntouchedDirectory& operator=(const UntouchedDirectory&) = delete;

  private:
    int fd_;  ///< of its lock; negative when there is none
};

/// A copy of the databases of a directory that nobody holds, under the directory for temporary
/// files, for whoever must open it as a bookstore does (which migrates, and relays) and may change
/// nothing of it. It goes with this.
class CopiedDirectory {
  public:
    /// Throws storage::Refused when it has no data, is half a backup, or there is no room for the
    /// copy; std::runtime_error when a process holds it, and says `held`.
    CopiedDirectory(
        const std::string& directory, const host::Contexts& contexts, const std::string& held
    );
    ~CopiedDirectory();
    CopiedDirectory(const CopiedDirectory&) = delete;
    CopiedDirectory& operator=(const CopiedDirectory&) = delete;

    const std::string& path() const { return path_; }

  private:
    void remove();

    std::string path_;
};

}  // namespace bookstore::tools
