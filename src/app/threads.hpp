#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "app/system.hpp"

namespace bookstore::app {

/// Wakes one sleeping thread. ring() from any thread.
class Bell {
  public:
    void ring();
    /// Until it is rung, or so many ms are over (nothing: no limit). false: the time was over.
    bool wait(std::optional<std::int64_t> ms);

  private:
    std::mutex mutex_;
    std::condition_variable rung_;
    bool ringing_ = false;
};

/// One thread a context and one for the relay, each stepping what is its own and sleeping until its
/// bell rings. The bells are made before the system that rings them.
class Threads {
  public:
    Threads();
    ~Threads();
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

    System::Ring ring();
    void start(System& system);
    /// Every context writes its cursors and moves its WAL; returns when all threads are done.
    void stop();

  private:
    void run_module(kernel::Module& module, Bell& bell);
    void run_relay(bus::Relay& relay, bus::Topic& topic, Bell& bell);

    std::vector<std::unique_ptr<Bell>> bells_;
    std::vector<std::thread> threads_;
    std::atomic<bool> stopping_{false};
    const SystemClock clock_;
};

}  // namespace bookstore::app
