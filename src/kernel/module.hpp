#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bus/policies.hpp"
#include "bus/strand.hpp"
#include "bus/tasks.hpp"
#include "kernel/board.hpp"
#include "kernel/command.hpp"
#include "kernel/operation.hpp"
#include "storage/database.hpp"

namespace bookstore::kernel {

class HostedModule;

/// Binds a read model's policies: for the table that is served or (`rebuilt`) for TABLE_rebuild,
/// its second set while it is rebuilt.
using BindReadModel = std::function<void(bus::Policies& policies, bool rebuilt)>;

/// A counter of events that were relayed since the process began, for /metrics: one sample a value
/// of the label.
struct EventCounter {
    struct Value {
        std::string value;
        std::string_view event_type;  ///< a constant
    };
    std::string name;  ///< "bookstore_payments_total"
    std::string help;
    std::string label;
    std::vector<Value> of;
};

/// What a module's install() has declared.
struct Declarations {
    struct Route {
        Endpoint endpoint;
        std::variant<Query, Command, http::Handler> how;
    };
    struct Task {
        std::string name;
        std::function<std::unique_ptr<bus::TaskRunner>(bus::Outbox&, const Clock&)> make;
    };
    struct ReadModel {
        std::string name;
        std::string table;
        BindReadModel bind;

        /// What the table that is served follows.
        bus::Policies policies() const;
        /// The same for its second set.
        bus::Policies policies_of_rebuild() const;
    };

    /// What rows lack that were made without it, and events can tell.
    struct Backfill {
        std::string what;  ///< as it stands in the table `unfilled`
        std::string_view event_type;
        std::function<void(const bus::Envelope& event, storage::Connection& db)> take;
        std::function<void(storage::Connection& db)> finish;
    };

    std::vector<Route> routes;
    std::vector<ResourceDescription> resources;
    std::vector<PublishedEvent> published;
    std::deque<bus::Policies> policies;      ///< one a subscription, without the read models'
    bus::Policies taken_back{"taken back"};  ///< of its own events; no subscription
    std::vector<Task> tasks;
    std::vector<ReadModel> read_models;
    std::vector<EventCounter> event_counters;
    std::vector<Backfill> backfills;
};

/// One bounded context as its author sees it. install() declares here what it does, so that it
/// reads like the context's event-storming board; its handlers find here what they may use.
///
/// Handlers are plain synchronous code. Which thread and which batch they run in is decided by the
/// HostedModule: queries and the begin of commands on I/O threads, everything that writes on the
/// module's own thread.
class Module {
  public:
    Module(std::string name, const Clock& clock, Random& random);
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    // ---- the board, filled by install()

    // `declared` is the route without a handler, and its description for OpenAPI; what all routes
    // have in common, or all that write, is added.

    void query(Endpoint declared, Query query);
    /// A POST may carry an Idempotency-Key: then its work is done once, and its answer kept.
    void command(Endpoint declared, Command command);
    /// A route that is neither: its handler answers, when the module is not stopped.
    void route(Endpoint declared, http::Handler handler);
    void describe(ResourceDescription resource);
    /// The events that it publishes; publishing any other is a programmer's mistake.
    template <bus::Event... E>
    void publishes() {
        (declarations_.published.push_back(published_event<E>()), ...);
    }
    /// An event that it published and that its file lacks, for that was restored from a backup:
    /// what is done when an operator adopts the log (host/adoption.hpp), so that its state says
    /// what the event says. Such events come in the log's order, between those that its policies
    /// handle. The handler must not publish.
    template <bus::Event E, class F>
    void takes_back(F handler) {
        declarations_.taken_back.whenever<E>(
            "take it back", bus::Effect::replayable, std::move(handler)
        );
    }
    /// The policies of one subscription, to be filled: "whenever Ordered, take stock or wait".
    bus::Policies& policies(std::string subscription);
    template <class Intent>
    void task(typename bus::Tasks<Intent>::Spec spec) {
        declarations_.tasks.push_back(
            {spec.name,
             [spec](bus::Outbox& outbox, const Clock& clock) -> std::unique_ptr<bus::TaskRunner> {
                 return std::make_unique<bus::Tasks<Intent>>(spec, outbox, clock);
             }}
        );
    }
    /// A read model: a table that is made from events alone. Adds POST and GET /rebuilds/NAME.
    void read_model(std::string name, std::string table, BindReadModel bind);

    /// How the next start that keeps owners makes up for the time without: it gives each E of the
    /// log to `take`, then calls `finish`. One that is cut short does it again from the begin.
    template <bus::Event E>
    void backfill(
        std::string what,
        void (*take)(storage::Connection& db, const E& event),
        void (*finish)(storage::Connection& db)
    ) {
        declarations_.backfills.push_back(
            {.what = std::move(what),
             .event_type = E::event_type,
             .take = [take](
                         const bus::Envelope& event, storage::Connection& db
                     ) { take(db, *bus::event_in<E>(event)); },
             .finish = finish}
        );
    }

    /// Operators see how often its events of some types happened.
    void count_events(EventCounter counter);

    const Declarations& declarations() const { return declarations_; }

    // ---- what its handlers may use, once it is hosted

    const std::string& name() const { return name_; }
    storage::Database& database();
    bus::Strand& strand();
    const Clock& clock() const { return clock_; }
    /// Customers see what is theirs alone (there is an authentication): whose things are, and how
    /// many he has, is kept at hand.
    bool keeps_owners() const { return keeps_owners_; }
    Random& random() { return random_; }
    /// Runs a write outside of any request (VAN's ledger); `done` is called on the module's thread.
    /// While the module is stopped nothing is written: 503. Any thread.
    void write(Write write, std::function<void(http::Answer)> done, std::string_view trace = {});

  private:
    friend class HostedModule;
    HostedModule& host();

    std::string name_;
    const Clock& clock_;
    Random& random_;
    Declarations declarations_;
    bool keeps_owners_ = false;
    HostedModule* host_ = nullptr;  ///< null until it is hosted
};

/// What the declarations say, as the board of that context.
Board board_of(const Module& module);

}  // namespace bookstore::kernel
