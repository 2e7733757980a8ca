#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/system.hpp"
#include "http/router.hpp"
#include "modules/order/module.hpp"
#include "modules/payment/module.hpp"
#include "simulation/promises.hpp"
#include "simulation/tally.hpp"
#include "support/memory_vfs.hpp"
#include "support/partition.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

/// The bookstore's contexts in several processes, whose events cross one partition, all on one
/// thread under one seeded scheduler. Each process has a disk of its own, of which it can lose the
/// power; the partition doubles, reorders, loses and delays what is sent, and goes away; files of
/// topics are deleted or taken from another process. The same seed is the same run.
class SplitWorld {
  public:
    SplitWorld(std::uint64_t seed, bool trace);
    ~SplitWorld();
    SplitWorld(const SplitWorld&) = delete;
    SplitWorld& operator=(const SplitWorld&) = delete;

    /// Runs at random, then lets everything settle: all mirrors are alike, and the seven invariants
    /// hold over the files of all processes. Throws Broken.
    Tally run(std::int64_t steps);

  private:
    struct Request {
        http::Request request;
        bool answered = false;
    };
    struct Process {
        std::vector<std::string> contexts;
        std::unique_ptr<MemoryVfs> vfs;
        std::unique_ptr<host::System> system;  ///< null while it is down
        std::unique_ptr<http::Router> router;
        std::vector<std::unique_ptr<Request>> requests;
        std::shared_ptr<bool> life;  ///< false when it is not that process any more
        Crash next_crash = Crash::process;
        std::int64_t writes_to_crash = -1;  ///< -1: it stays up
        bool disk_failed = false;           ///< or may have, since it was opened
    };

    // ---- processes

    host::Contexts contexts_of(Process& process);
    order::Ports order_ports(Process& process, kernel::Wiring& wiring, const Clock& clock);
    payment::VanPort van_port(Process& process, kernel::Wiring& wiring, const Clock& clock);
    Process& host_of(std::string_view context);
    void open(Process& process);
    void close(Process& process);
    void crash(Process& process);
    void swap_topic(Process& process);
    Process& some_process();

    // ---- stepping

    void act();
    bool step(Process& process);
    bool guarded(Process& process, const std::function<bool()>& step);
    void pipe_acts();
    void advance_time();
    void disturb();

    // ---- clients

    void client_acts();
    void send(
        http::Method method,
        const std::string& target,
        const std::string& body,
        std::function<void(const http::Response&)> acknowledged
    );
    /// To the process that hosts that context; `answered` gets its answer, if it comes.
    bool send_to(
        std::string_view context, http::Request request, std::function<void(http::Answer)> answered
    );

    // ---- the end

    void settle();
    void check();
    void check_mirrors();

    void breaks(const std::string& what);
    void throw_if_broken() const;
    void note(const std::string& what) const;
    std::int64_t some(std::int64_t count) { return 1 + random_.below(count); }

    std::uint64_t seed_;
    bool trace_;
    VirtualClock clock_;
    SeededRandom random_;
    SeededRandom system_random_;
    Partition partition_{clock_};
    std::int64_t shows_at_ms_ = 0;  ///< all, at the latest; steady
    std::vector<std::unique_ptr<Process>> processes_;
    bool calm_ = false;
    std::string broken_;
    OrderPromises promises_;
    Tally tally_;
};

}  // namespace bookstore::test
