#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/http_ports.hpp"
#include "base/clock.hpp"
#include "bus/relay.hpp"
#include "bus/topic.hpp"
#include "http/router.hpp"
#include "kernel/module.hpp"
#include "kernel/rebuild.hpp"
#include "modules/payment/module.hpp"
#include "modules/van/van.hpp"

namespace bookstore::host {

/// The names of the contexts, in the order in which they start.
extern const std::vector<std::string> context_names;

struct SystemOptions {
    std::string data_dir{};
    std::string vfs{};  ///< SQLite's; empty: the default
    bus::RetryPolicy retry{};
    payment::Options payment{};
    van::Options van{};
    adapters::PortOptions ports{};
    std::vector<std::string> modules = context_names;  ///< the contexts that are hosted
    std::vector<std::string> stopped{};                ///< contexts that rest from the start
    bus::BeforeHandling before_handling{};             ///< for tests: makes handlers fail
    std::int64_t idempotency_kept_ms = 86'400'000;
    int read_limit_ms = 250;  ///< then a query is given up
};

/// How a circuit breaker stands, and the context that has it.
struct NamedBreaker {
    std::string context;
    std::string name;
    Breaker::Snapshot snapshot{};  ///< its times in ms since 1970
};

/// The contexts that are hosted, the topic and the relay, wired to each other; without threads and
/// without a server, so that a simulation can step them in any order. Opening it migrates and
/// recovers.
class System {
  public:
    /// Tells that a context (its place in modules()) or the relay (relay_bell) has something to do.
    using Ring = std::function<void(std::size_t place)>;
    static constexpr std::size_t relay_bell = 7;

    /// Throws storage::Refused (with a line for the user) or storage::Error. The directory must be
    /// held by this process, and clock and random outlive the system.
    System(SystemOptions options, const Clock& clock, Random& random, Ring ring);
    ~System();
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    bus::Topic& topic() { return topic_; }
    bus::Relay& relay() { return *relay_; }
    /// The relay's thread has something to do: the topic's writer was submitted a job. Any thread.
    void ring_relay() const { ring_(relay_bell); }
    const std::vector<std::unique_ptr<kernel::Module>>& modules() const { return modules_; }
    /// The context of that name, which must be hosted.
    kernel::Module& module(std::string_view name);
    /// The rebuild of that read model; null when there is none of that name.
    kernel::Rebuild* rebuild(std::string_view name);
    /// Every context's routes. Once.
    std::vector<kernel::Endpoint> take_endpoints();
    /// What every context's collections are like, in the order of the contexts.
    std::vector<kernel::ResourceDescription> resources() const;

    /// How every breaker stands now, in the order of the contexts: VAN's two (keyless, keyed), and
    /// that of each port which another process answers. Any thread.
    std::vector<NamedBreaker> breakers() const;

    /// Every context has caught up with what it missed (one that an operator stopped does not
    /// count, nor while it catches up afterwards).
    bool ready() const;

  private:
    void install(const SystemOptions& options);
    void note_breakers();
    void wake_verification();
    /// Null when it is not hosted.
    kernel::Module* find(std::string_view name);

    struct BreakerPlace {
        std::string context;
        std::string name;
        Breaker* breaker;
    };

    const Clock& clock_;
    Ring ring_;
    bus::Pressure pressure_;
    bus::Topic topic_;
    std::vector<std::unique_ptr<kernel::Module>> modules_;
    std::unique_ptr<van::Van> van_;
    adapters::HttpPorts ports_;  ///< their callbacks are the modules'
    std::vector<BreakerPlace> breakers_;
    std::unique_ptr<bus::Relay> relay_;
};

}  // namespace bookstore::host
