#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "host/system.hpp"

namespace bookstore::host {

/// The contexts that have a file in a directory at rest, opened on it without threads, a server or
/// a broker: where the log is a mirror, it is read as it is. What was published there is in the
/// log, and what a start has them write is written. Nothing runs unless it is stepped.
class OfflineSystem {
  public:
    /// The directory must be held by this process, and the clock outlives this. Throws
    /// storage::Refused, also when no context has a file there, or storage::Error.
    OfflineSystem(const std::string& directory, const Contexts& contexts, const Clock& clock);
    /// The same, but where the log is a mirror it goes on to be read.
    OfflineSystem(
        const std::string& directory,
        const Contexts& contexts,
        const Clock& clock,
        PartitionOptions partition
    );

    System& get() { return system_; }
    Random& random() { return random_; }

  private:
    SystemRandom random_;
    System system_;
};

}  // namespace bookstore::host
