#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bus/gate.hpp"
#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/strand.hpp"
#include "bus/subscription.hpp"
#include "bus/tasks.hpp"
#include "bus/topic.hpp"
#include "kernel/command_path.hpp"
#include "kernel/lifecycle.hpp"
#include "kernel/module.hpp"
#include "kernel/rebuild.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

/// What a hosted module works with. All of it outlives the module.
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
    int read_limit_ms = 250;    ///< of a client's statement; then it is interrupted
    bool keeps_owners = false;  ///< Module::keeps_owners
};

/// Drives one module: its file, outbox, subscriptions, tasks and rebuilds, stepped on one thread,
/// and its lifecycle.
///
/// On the module's thread, but for what says otherwise.
class HostedModule {
  public:
    using State = Lifecycle::State;

    /// Opens and migrates the module's file. `ring` wakes the module's thread.
    HostedModule(std::string name, const Environment& environment, std::function<void()> ring);
    ~HostedModule();
    HostedModule(const HostedModule&) = delete;
    HostedModule& operator=(const HostedModule&) = delete;

    /// What install() fills, before start().
    Module& module() { return module_; }
    const Module& module() const { return module_; }
    const std::string& name() const { return module_.name(); }

    // ---- its parts; each says which threads may use it

    storage::Database& database() { return database_; }
    /// Of its file, for the process itself. Any thread.
    storage::Reader read() { return database_.read(); }
    /// Of its file, for who answers a client. Any thread.
    storage::Reader read_for_client() { return database_.read_for_client(); }
    /// To its file's writer. Any thread.
    void submit(storage::Job job) { database_.writer().submit(std::move(job)); }
    /// Its storage accepted the last write. Any thread.
    bool storage_healthy() { return database_.writer().healthy(); }
    /// Any thread.
    const storage::WriterStats& writer_stats() { return database_.writer().stats(); }
    bus::Outbox& outbox() { return outbox_; }
    bus::Strand& strand() { return strand_; }
    /// Closed as long as its file may not be written, where the topic is a mirror. Any thread.
    bus::Gate& gate() { return gate_; }
    const bus::Gate& gate() const { return gate_; }
    CommandPath& commands() { return commands_; }
    const std::vector<std::unique_ptr<bus::Subscription>>& subscriptions() const {
        return subscriptions_;
    }
    const std::vector<std::unique_ptr<bus::TaskRunner>>& tasks() const { return tasks_; }
    const std::vector<std::unique_ptr<Rebuild>>& rebuilds() const { return rebuilds_; }
    /// The rebuild of that read model, which must be one of this module's.
    Rebuild& rebuild(std::string_view name);
    /// All declared routes, each refusing when the module's state does not allow it. After
    /// install(); they must not outlive this.
    std::vector<Endpoint> endpoints();

    // ---- lifecycle

    /// Reads the cursors and listens. The relay must have been made before.
    void start(bool stopped);
    /// An operator stops it; nothing happens when it is stopped. `done` is called on the module's
    /// thread, when all writes that were under way are committed, or refused and not written (one
    /// that is put off is refused when its time comes). Any thread.
    void stop(std::function<void()> done);
    /// An operator lets it go on: it reads first the events that it missed; nothing happens when it
    /// is not stopped. `done` is called on the module's thread. Any thread.
    void resume(std::function<void()> done);
    /// `hook` is called on the module's thread whenever it was resumed. Before start().
    void when_resumed(std::function<void()> hook) { resumed_.push_back(std::move(hook)); }
    /// Any thread, as those that follow, to log_may_be_cut().
    State state() const { return lifecycle_.state(); }
    /// Its port answers and its resources are served.
    bool available() const { return !lifecycle_.stopped(); }
    /// Its events are handled and its tasks go on: it is available, and its gate is open.
    bool works() const { return available() && gate_.is_open(); }
    /// It reads what it missed since an operator stopped it, not since the process started.
    bool catching_up() const;
    /// Of one of its subscriptions: why events wait for it, where some do.
    bus::BacklogState state_of(const bus::Subscription& subscription) const;
    /// What of it does not go on, "the subscription delivery": the last try failed to read or to
    /// write; empty when all does.
    std::string failing_part() const;
    /// How many events of the log the subscription that is furthest back still has to read.
    std::int64_t lag() const;

    /// The log may be cut at that position: its read models keep a base for their rebuilds.
    /// `done` is called on the module's thread with the position up to which nothing of this
    /// context has still to be read, on disk; 0 when that is not known. Any thread.
    void log_may_be_cut(std::int64_t position, std::function<void(std::int64_t floor)> done);

    // ---- stepping

    /// One of everything that has something to do; false when nothing had.
    bool step();
    /// Has the tasks look for intents that a commit may have made due. step() does it by itself.
    void wake_tasks();
    /// How long until something is due though nobody rings; nothing when nothing is.
    std::optional<std::chrono::milliseconds> due_in();
    /// Writes something if the last write failed, so that it is seen when the storage works again
    /// though no client writes. Any thread.
    void try_storage();
    /// To be called when nobody rang for a while: moves the WAL.
    void idle() { database_.writer().idle(); }
    /// Writes the cursors and moves the WAL: the end of the module's thread.
    void finish();
    /// What was submitted and posted, and is not done, is told that it failed: before this module,
    /// or another that it works with, goes. false when there was nothing. No thread steps it.
    bool drop_waiting();

  private:
    bus::Subscription::Context subscription_context();
    void take_up_declarations();
    void add_read_model(const Declarations::ReadModel& model);
    http::Handler handler_of(const Declarations::Route& route);
    void follow_gate();
    bool write_batch();
    void begin_cursors();
    void notice_caught_up();
    std::int64_t log_floor(storage::Connection& db) const;
    void stop_now();
    void resume_now();

    Environment environment_;
    std::function<void()> ring_;
    Module module_;
    bus::Gate gate_;
    Lifecycle lifecycle_;
    storage::Database database_;
    bus::Outbox outbox_;
    bus::Strand strand_;
    CommandPath commands_;
    std::vector<std::unique_ptr<bus::Subscription>> subscriptions_;
    std::vector<std::unique_ptr<bus::TaskRunner>> tasks_;
    std::vector<std::unique_ptr<Rebuild>> rebuilds_;
    std::vector<std::function<void()>> resumed_;
    bool gate_was_open_ = true;
    std::atomic<bool> was_resumed_{false};  ///< by an operator, since the process started
    std::int64_t catch_up_to_ = 0;  ///< the position up to which it reads before it takes writes
    std::atomic<bool> trying_storage_{false};
};

}  // namespace bookstore::kernel
