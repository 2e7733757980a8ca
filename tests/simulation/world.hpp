#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/system.hpp"
#include "http/router.hpp"
#include "support/memory_vfs.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// An invariant does not hold.
class Broken : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What one run met, so that a reader can see that it was not idle.
struct Tally {
    std::int64_t steps = 0;
    std::int64_t crashes = 0;
    std::int64_t orders = 0;       ///< acknowledged
    std::int64_t cancels = 0;      ///< acknowledged
    std::int64_t held = 0;         ///< handlers that were made to fail
    std::int64_t rebuilds = 0;     ///< asked for
    std::int64_t faults = 0;       ///< of the disk
    std::int64_t stops = 0;        ///< of a context, by an operator
    std::int64_t parked = 0;       ///< events that an operator had to retry
    std::int64_t clock_steps = 0;  ///< of the wall clock, either way
    std::int64_t events = 0;       ///< in the topic at the end
};

/// The whole bookstore on one thread, one seeded scheduler, a clock that only it moves, and a disk
/// in memory that it can fill, break and cut the power of. The same seed is the same run.
class World {
  public:
    /// `trace`: prints every step.
    World(std::uint64_t seed, bool trace);
    ~World();

    /// Runs at random, then lets everything settle and checks the seven invariants. Throws Broken.
    Tally run(std::int64_t steps);

  private:
    struct Request;

    void open();
    void close();
    void crash_now();
    void act();
    void step_something();
    void step_module(kernel::HostedModule& module);
    void step_everything();
    void client_acts();
    void disturb();
    void advance_time();
    void operate();
    void retry_parked(kernel::HostedModule& module);

    void send(
        http::Method method,
        const std::string& target,
        const std::string& body,
        std::function<void(const http::Response&)> acknowledged
    );
    void place_order();
    void cancel_order();
    void move_delivery();
    void change_book();
    void put_in_stock();
    std::int64_t some(std::int64_t count) { return 1 + random_.below(count); }
    std::int64_t some_order() { return some(static_cast<std::int64_t>(tally_.orders) + 2); }

    void settle();
    void check();
    void check_acknowledged();
    void check_rebuilds();
    bool only_refused_orders_wait();
    std::string rows_of(const std::string& file, const std::string& sql);

    void note(const std::string& what) const;

    std::uint64_t seed_;
    bool trace_;
    MemoryVfs vfs_;
    VirtualClock clock_;
    SeededRandom random_;         ///< the scheduler's
    SeededRandom system_random_;  ///< what the system is handed
    std::unique_ptr<host::System> system_;
    std::unique_ptr<http::Router> router_;
    std::vector<std::unique_ptr<Request>> requests_;
    std::int64_t writes_to_crash_ = -1;  ///< so many writes until the power goes; -1: it stays
    Crash next_crash_ = Crash::process;
    bool cuts_log_ = false;                             ///< it has a --topic-retention of seconds
    bool calm_ = false;                                 ///< nothing is disturbed any more
    std::map<std::int64_t, std::string> acknowledged_;  ///< order id -> its body's beginning
    std::set<std::int64_t> canceled_;
    Tally tally_;
};

}  // namespace bookstore::test
