#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/relay.hpp"
#include "bus/strand.hpp"
#include "bus/subscription.hpp"
#include "bus/tasks.hpp"
#include "bus/topic.hpp"
#include "http/router.hpp"
#include "kernel/command.hpp"
#include "kernel/idempotency.hpp"
#include "kernel/operation.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

class Rebuild;

/// What a module is handed by the composition root. All of it outlives the module.
struct Environment {
    std::string data_dir;
    std::string vfs;  ///< SQLite's; empty: the default
    bus::Topic& topic;
    const Clock& clock;
    Random& random;
    bus::Pressure& pressure;
    bus::RetryPolicy retry;
    std::function<void()> ring_relay;
    bus::BeforeHandling before_handling{};
    std::int64_t idempotency_kept_ms = 86'400'000;
    int read_limit_ms = 250;  ///< a query's statement is interrupted after it
};

/// One bounded context: its database, outbox, subscriptions, tasks and routes.
///
/// A module's install() fills it; the composition root starts it and steps it, on one thread. Its
/// handlers are plain synchronous code; which thread and which batch they run in is decided here:
/// queries and the begin of commands on I/O threads, everything that writes on the module's thread.
class Module {
  public:
    enum class State {
        starting,  ///< reads are answered; writes are refused until the cursors caught up
        running,
        stopped,  ///< rests: 503; its outbox is still relayed
    };

    /// Opens and migrates its file. `ring` wakes the module's thread.
    Module(std::string name, const Environment& environment, std::function<void()> ring);
    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    // ---- the table of contents, filled by install()

    // A declaration is a route without its handler, and what it says of itself; what is common to
    // all routes, or to all that write, is added to that.

    void query(Endpoint declared, Query query);
    /// A POST may carry an Idempotency-Key: then its work is done once, and its answer kept.
    void command(Endpoint declared, Command command);
    /// A route that is neither: it has its handler, and answers when the module is not stopped.
    void route(Endpoint declared);
    void describe(ResourceDescription resource) { resources_.push_back(std::move(resource)); }
    bus::Subscription& subscription(std::string name);
    template <class Intent>
    void task(typename bus::Tasks<Intent>::Spec spec) {
        tasks_.push_back(
            std::make_unique<bus::Tasks<Intent>>(std::move(spec), outbox_, environment_.clock)
        );
    }
    /// A read model: a table that is made from events alone. `subscribe` binds the handlers to a
    /// subscription, for the table that is served or (`rebuilt`) for TABLE_rebuild, its second set.
    /// Adds POST and GET /rebuilds/NAME.
    void read_model(
        std::string name,
        std::string table,
        std::function<void(bus::Subscription& subscription, bool rebuilt)> subscribe
    );

    // ---- what its handlers may use

    const std::string& name() const { return name_; }
    storage::Database& database() { return database_; }
    bus::Outbox& outbox() { return outbox_; }
    bus::Strand& strand() { return strand_; }
    const Clock& clock() const { return environment_.clock; }
    Random& random() { return environment_.random; }
    /// Runs a write outside of any request (VAN's ledger): `done` is told on the module's thread.
    /// While the module is stopped nothing is written: 503.
    void write(Write write, std::function<void(http::Answer)> done, std::string_view trace = {});
    /// Runs a command: query connection, asks, write. What a command's route does.
    void run(const Command& command, const http::Request& request, http::Done done);

    // ---- lifecycle, the composition root's

    /// Reads the cursors and listens. The relay must have been made before.
    void start(bool stopped);
    /// An operator stops it, or lets it go on: nothing happens when it is so already. Any thread;
    /// `told` is called on the module's thread. When a stop is told, what was under way is settled:
    /// committed, or refused and unwritten (a write that is put off is refused in its turn). What
    /// goes on reads first the events that it missed.
    void stop(std::function<void()> told);
    void go_on(std::function<void()> told);
    /// Called on the module's thread when it goes on: its port answers again. Before start().
    void when_back(std::function<void()> hook) { back_ = std::move(hook); }
    State state() const { return state_.load(std::memory_order_acquire); }
    /// Its port answers and its resources are served.
    bool available() const { return state() != State::stopped; }
    /// It reads what it missed since an operator stopped it, not since the process started.
    bool catching_up() const {
        return state() == State::starting && went_on_.load(std::memory_order_relaxed);
    }
    /// How many events of the log the subscription that is furthest back has before it. Any thread.
    std::int64_t behind() const;
    /// One of everything that has something to do; false when nothing had.
    bool step();
    /// When something is due though nobody rings, in ms from now; nothing when nothing is.
    std::optional<std::int64_t> due_in_ms();
    /// A storage that refused its last write is given one to try, so that it is known to work again
    /// though nobody writes. Any thread.
    void try_storage();
    /// Nobody rang for a while.
    void idle() { database_.writer().idle(); }
    /// Writes the cursors and moves the WAL: the end of the module's thread.
    void finish();
    /// All routes, each refusing when the module's state does not allow it. Once, after install().
    std::vector<Endpoint> take_endpoints() { return std::move(endpoints_); }
    const std::vector<ResourceDescription>& resources() const { return resources_; }

    const std::vector<std::unique_ptr<bus::Subscription>>& subscriptions() const {
        return subscriptions_;
    }
    const std::vector<std::unique_ptr<bus::TaskRunner>>& tasks() const { return tasks_; }
    const std::vector<std::unique_ptr<Rebuild>>& rebuilds() const { return rebuilds_; }
    /// After a commit, or because a port came back: intents may be due.
    void look_for_tasks();

  private:
    bus::Subscription::Context subscription_context();
    void add(Endpoint declared, bool writes);
    void run_next(Next next, std::shared_ptr<const http::Done> done, std::string trace);
    using Refusal = std::optional<http::Problem> (Module::*)() const;
    void submit(
        Write write,
        std::function<void(http::Answer)> done,
        std::string_view trace,
        Refusal refused_before
    );
    void run_once(const Command& command, const http::Request& request, http::Done done);
    std::optional<http::Problem> refuse_read() const;
    std::optional<http::Problem> refuse_write() const;
    bool write_batch();
    void notice_caught_up();
    void rest_now();
    void go_on_now();

    std::string name_;
    Environment environment_;
    std::function<void()> ring_;
    storage::Database database_;
    bus::Outbox outbox_;
    bus::Strand strand_;
    IdempotencyKeys idempotency_keys_;
    std::vector<Endpoint> endpoints_;
    std::vector<ResourceDescription> resources_;
    std::vector<std::unique_ptr<bus::Subscription>> subscriptions_;
    std::vector<std::unique_ptr<bus::TaskRunner>> tasks_;
    std::vector<std::unique_ptr<Rebuild>> rebuilds_;
    std::atomic<State> state_{State::starting};
    std::atomic<bool> went_on_{false};
    std::function<void()> back_;
    std::int64_t catch_up_to_ = 0;
    std::atomic<bool> trying_storage_{false};
};

/// Refuses (403) what another site's page made a browser send: operator actions are not for them.
std::optional<http::Problem> refuse_cross_origin(const http::Request& request);

}  // namespace bookstore::kernel
