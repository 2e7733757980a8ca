#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"

namespace bookstore::bus {

/// Runs callbacks one after the other on the thread that steps it: what a module keeps in memory is
/// touched there alone. What one throws is logged, and the others go on. post() and after() from
/// any thread.
class Strand {
  public:
    using Callback = std::function<void()>;

    /// `ring` wakes the thread that steps it.
    Strand(const Clock& clock, Callback ring) : clock_(clock), ring_(std::move(ring)) {}

    void post(Callback callback);
    /// Not before `ms` from now. A timer cannot be withdrawn: its callback looks whether it is
    /// late.
    void after(std::int64_t ms, Callback callback);
    /// Forgets all callbacks, uncalled: before whatever they hold on to goes.
    void drop();
    /// Runs what is due; false when nothing was.
    bool step();
    /// In how many ms the next timer is due; nothing when none runs.
    std::optional<std::int64_t> due_in_ms();

  private:
    const Clock& clock_;
    Callback ring_;
    std::mutex mutex_;
    std::vector<Callback> posted_;                  ///< guarded by mutex_
    std::multimap<std::int64_t, Callback> timers_;  ///< guarded by mutex_
};

}  // namespace bookstore::bus
