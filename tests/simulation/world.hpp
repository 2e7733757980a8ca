#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "host/system.hpp"
#include "http/router.hpp"
#include "simulation/promises.hpp"
#include "simulation/tally.hpp"
#include "support/memory_vfs.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// The whole bookstore on one thread, one seeded scheduler, a clock that only it moves, and a disk
/// in memory that it can fill, break, damage and cut the power of. The same seed is the same run.
class World {
  public:
    static constexpr auto directory = "/data";

    /// `trace`: prints every step.
    World(std::uint64_t seed, bool trace);
    ~World();

    /// Runs at random, then lets everything settle and checks the seven invariants. Throws Broken.
    Tally run(std::int64_t steps);

  private:
    /// A request under way; the system refers to it until it has answered.
    struct Request {
        http::Request request;
        bool answered = false;
    };
    /// An event that an operator gave up: context, subscription, position.
    using Skip = std::tuple<std::string, std::string, std::int64_t>;
    /// One file is of an earlier moment than the others: a context's, or the topic's.
    struct Mixed {
        std::string role;
        MemoryVfs::Image right;  ///< all files, as they were before
    };

    // ---- opening, crashing, stepping (world.cpp)

    void open();
    void close();
    void crash_now();
    void disturb_start();
    bool try_open();
    void act();
    bool guarded(const std::function<bool()>& step);
    void step_something();
    void step_module(kernel::HostedModule& module);
    void step_part_of(kernel::HostedModule& module);
    std::string step_each();
    void advance_time();
    kernel::HostedModule& some_module();

    // ---- clients (world_clients.cpp)

    void client_acts();
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

    // ---- operators and faults (world_faults.cpp)

    void operate();
    void retry_parked(kernel::HostedModule& module);
    /// All, or those alone that come after an event of their key that was skipped.
    void skip_parked(kernel::HostedModule& module, bool behind_skips_alone);
    void disturb();
    void fail_writes();
    void fail_reads();
    void damage_page(kernel::HostedModule& module);
    void heal();
    void fail_file_for_a_while();
    void let_go_on(const std::string& but);
    bool goes_on(kernel::HostedModule& module);
    void take_snapshot();
    void mix_moments();
    void put_right_file_back();
    void forget_what_left_no_event(const std::string& role);

    // ---- the end (world_end.cpp)

    void step_everything();
    void settle();
    void come_to_rest();
    bool skip_what_follows_skips();
    void check();
    void check_skipped();
    void check_rebuilds();
    bool only_refused_orders_wait();

    /// For callbacks, whose exceptions the system catches: run() throws it.
    void breaks(const std::string& what);
    void throw_if_broken() const;
    std::string rows_of(const std::string& role, const std::string& sql);
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
    bool reads_failed_ = false;   ///< or may have, since the system was opened
    std::string damaged_;         ///< whose file has a page that is read as rubbish
    MemoryVfs::Image snapshot_;   ///< all files, a while ago; empty: none was taken yet
    std::optional<Mixed> mixed_;  ///< until the start was refused, or went through
    std::string broken_;          ///< what breaks() was told first
    bool cuts_log_ = false;       ///< it has a --topic-retention of seconds
    bool calm_ = false;           ///< nothing is disturbed any more
    OrderPromises promises_;
    std::set<Skip> skipped_;  ///< acknowledged
    Tally tally_;
};

}  // namespace bookstore::test
