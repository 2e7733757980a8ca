#pragma once

#include <signal.h>

#include <chrono>
#include <functional>
#include <optional>

namespace bookstore::app {

/// SIGTERM and SIGINT: blocked in the thread that makes this and in those that it starts later,
/// taken by whoever waits.
class Signals {
  public:
    Signals();

    /// The one that came within that time; nothing when none did.
    std::optional<int> wait(std::chrono::nanoseconds time) const;
    /// From now on a signal ends the process at once; what it listened at is removed.
    void release() const;
    /// Does that, which starts no thread; a signal meanwhile ends the process at once, with
    /// status 0.
    void ends_during(const std::function<void()>& work) const;

  private:
    sigset_t set_{};
};

}  // namespace bookstore::app
