#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "host/system.hpp"
#include "host/threads.hpp"

namespace bookstore::host {

/// Less than 1 MiB is free on its disk: the next growth of a file fails.
bool disk_is_full(const std::string& directory);

/// What the process knows of its own health. One thread calls update() about once a second, and
/// unhealthy_for(); the rest may be called from any thread.
class Health {
  public:
    struct Options {
        std::string data_dir;
        std::chrono::milliseconds stall_timeout{10'000};  ///< a step that takes longer hangs
        std::chrono::seconds broker_patience{0};  ///< without a broker; 0: it is never unhealthy
    };

    Health(System& system, const Threads& threads, const Clock& clock, Options options);

    /// Asks the disk how full it is, lets a storage that failed try again, and logs when the
    /// process became unhealthy or healthy again.
    void update();

    /// Why the process is to be restarted; empty when it is healthy.
    std::string fault() const;
    /// Why one context (its place in System::modules()), or the relay (System::relay_place()), does
    /// not work; empty when it does.
    std::string fault_of(std::size_t place) const;
    /// How long update() has found a fault without interruption; 0: the last one found none.
    std::chrono::milliseconds unhealthy_for() const;

    /// /makeZombie was called: from now on there is a fault.
    void make_zombie() { zombie_ = true; }

  private:
    std::string fault_of_broker() const;

    System& system_;
    const Threads& threads_;
    const Clock& clock_;
    Options options_;
    std::atomic<bool> zombie_{false};
    std::atomic<bool> disk_full_{false};
    std::string logged_;  ///< the fault that was logged last; of update()'s thread alone
    std::optional<std::int64_t> unhealthy_since_steady_ms_;  ///< as logged_
};

}  // namespace bookstore::host
