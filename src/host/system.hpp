#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/mirror.hpp"
#include "bus/partition_relay.hpp"
#include "bus/pipe.hpp"
#include "bus/relay.hpp"
#include "bus/topic.hpp"
#include "host/lag.hpp"
#include "host/order_index.hpp"
#include "host/retention.hpp"
#include "http/router.hpp"
#include "kernel/context.hpp"
#include "kernel/hosted_module.hpp"

namespace bookstore::host {

/// The table of contexts.
using Contexts = std::vector<kernel::Context>;

/// The files of a data directory that hosts them all: "topic.db", "customer.db", ...
std::vector<std::string> file_names(const Contexts& contexts);

/// The partition that the topic is a mirror of, where contexts are hosted in several processes.
struct PartitionOptions {
    std::string topic{};  ///< its name at the broker
    /// Null: there is none, and the topic is the log itself. `ring` wakes the relay's thread.
    std::function<std::unique_ptr<bus::Pipe>(std::function<void()> ring)> pipe{};
    // See bus::Mirror.
    std::int64_t audit_every_ms = 30'000;
    std::int64_t short_for_ms = 60'000;
};

struct SystemOptions {
    std::string data_dir{};
    std::string vfs{};  ///< SQLite's; empty: the default
    bus::RetryPolicy retry{};
    std::vector<std::string> modules{};     ///< the contexts that are hosted; empty: all
    std::vector<std::string> stopped{};     ///< contexts that rest from the start
    bus::BeforeHandling before_handling{};  ///< for tests: makes handlers fail
    std::int64_t idempotency_kept_ms = 86'400'000;
    int read_limit_ms = 250;  ///< then a client's statement is given up
    bool keeps_owners =
        false;  ///< customers see what is theirs alone (kernel::Module::keeps_owners)
    RetentionOptions retention{};
    PartitionOptions partition{};
};

/// How a circuit breaker stands, and the context that has it.
struct NamedBreaker {
    std::string context;
    std::string name;
    Breaker::Snapshot snapshot{};                      ///< its times are those of the steady clock
    std::int64_t since_ms = 0;                         ///< the snapshot's, on the wall clock
    std::optional<std::int64_t> last_transition_ms{};  ///< the same
};

/// The contexts that are hosted, the topic and the relay, wired to each other; without threads and
/// without a server, so that a simulation can step them in any order. Opening it migrates and
/// recovers.
class System {
  public:
    /// Tells that what stands at that place has something to do: a context at its place in
    /// modules(), the relay after them all.
    using Ring = std::function<void(std::size_t place)>;
    /// How many places there will be: one a context that is hosted, and the relay's.
    static std::size_t places(const Contexts& contexts, const SystemOptions& options);

    /// Throws storage::Refused (with a line for the user) or storage::Error. The directory must be
    /// held by this process, and clock and random outlive the system.
    System(Contexts contexts, SystemOptions options, const Clock& clock, Random& random, Ring ring);
    ~System();
    System(const System&) = delete;
    System& operator=(const System&) = delete;

    /// The table, of those too that are not hosted.
    const Contexts& contexts() const { return contexts_; }
    bus::Topic& topic() { return topic_; }
    bus::Relay& relay() { return *relay_; }
    const bus::Relay& relay() const { return *relay_; }
    /// Null where the topic is the log itself.
    const bus::Mirror* mirror() const { return mirror_.get(); }
    /// How its broker is; nothing where there is none. Any thread.
    std::optional<bus::PipeStats> pipe_stats() const {
        return pipe_ ? std::optional(pipe_->stats()) : std::nullopt;
    }
    /// The relay of such a topic; null where there is none.
    const bus::PartitionRelay* partition_relay() const { return partition_relay_; }
    Retention& retention() { return *retention_; }
    std::size_t relay_place() const { return relay_place_; }
    /// The relay's thread has something to do: the topic's writer was submitted a job. Any thread.
    void ring_relay() const { ring_(relay_place_); }
    const std::vector<std::unique_ptr<kernel::HostedModule>>& modules() const { return modules_; }
    /// Null when it is not hosted.
    kernel::HostedModule* find(std::string_view name) const;
    /// The context of that name, which must be hosted.
    kernel::HostedModule& module(std::string_view name) const { return *find(name); }
    /// The hosted context that has that read model; null when there is none.
    kernel::HostedModule* owner_of_read_model(std::string_view name) const;
    /// Every context's routes; they must not outlive the system.
    std::vector<kernel::Endpoint> endpoints() const;
    /// What every context's collections are like, in the order of the contexts.
    std::vector<kernel::ResourceDescription> resources() const;

    /// How every breaker stands now, in the order of the contexts. Any thread.
    std::vector<NamedBreaker> breakers() const;

    /// Why a context takes no writes yet, or not at all; empty when all do. Any thread.
    std::string closed_gate() const;
    /// Every context has caught up with what it missed (one that an operator stopped does not
    /// count, nor while it catches up afterwards). Any thread.
    bool ready() const;

  private:
    void open(const SystemOptions& options, Random& random);
    void open_mirror(const SystemOptions& options);
    void make_relay();
    void open_modules(const SystemOptions& options, Random& random);
    void install();
    void wire_retries();
    bool is_installable(const kernel::Context& context, const std::vector<std::string>& installed)
        const;

    const Contexts contexts_;
    const Clock& clock_;
    Ring ring_;
    const std::size_t relay_place_;
    bus::Pressure pressure_;
    bus::Topic topic_;
    OrderIndex order_index_;
    std::unique_ptr<bus::Pipe> pipe_;
    std::unique_ptr<bus::Mirror> mirror_;
    std::vector<std::unique_ptr<kernel::HostedModule>> modules_;
    kernel::Wiring wiring_;  ///< goes before the modules, whose callbacks its ports have
    std::unique_ptr<bus::Relay> relay_;
    bus::PartitionRelay* partition_relay_ = nullptr;
    std::unique_ptr<Retention> retention_;
    std::unique_ptr<Lag> lag_;
};

}  // namespace bookstore::host
