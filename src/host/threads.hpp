#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "host/system.hpp"

namespace bookstore::host {

/// Wakes one sleeping thread. ring() from any thread.
class Bell {
  public:
    void ring();
    /// Until it is rung, or that time is over (nothing: no limit). false: the time was over.
    bool wait(std::optional<std::chrono::milliseconds> limit);

  private:
    std::mutex mutex_;
    std::condition_variable rung_;
    bool ringing_ = false;
};

/// One thread a context and one for the relay, each stepping what is its own and sleeping until its
/// bell rings. The bells are made before the system that rings them.
class Threads {
  public:
    /// `places`: System::places() of the system to come.
    explicit Threads(std::size_t places);
    ~Threads();
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

    System::Ring ring();
    void start(System& system);
    /// How long the thread of that place is in the step it is in; 0 when it is in none. Any thread.
    std::chrono::milliseconds busy_for(std::size_t place) const;
    /// Every context writes its cursors and moves its WAL; returns when all threads are done.
    void stop();

  private:
    class Step;

    void run_module(kernel::HostedModule& module, std::size_t place);
    void run_relay(System& system);

    std::vector<std::unique_ptr<Bell>> bells_;
    /// Since when each is in a step, on the steady clock; `in_no_step` while it is in none.
    std::vector<std::atomic<std::int64_t>> step_began_steady_ms_;
    std::vector<std::thread> threads_;
    std::atomic<bool> stopping_{false};
    const SystemClock clock_;
};

}  // namespace bookstore::host
