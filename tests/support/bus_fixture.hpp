#pragma once

#include <doctest/doctest.h>

#include <boost/describe.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/gate.hpp"
#include "bus/mirror.hpp"
#include "bus/outbox.hpp"
#include "bus/partition_relay.hpp"
#include "bus/pressure.hpp"
#include "bus/subscription.hpp"
#include "bus/topic.hpp"
#include "bus/topic_relay.hpp"
#include "storage/database.hpp"
#include "support/memory_vfs.hpp"
#include "support/partition.hpp"
#include "support/storage_fixture.hpp"
#include "support/virtual_time.hpp"

namespace bookstore::test {

// Events of the tests. "5:a" stands for the one with order_id 5 and note "a".

struct Noted {
    static constexpr std::string_view event_type = "Noted";
    std::int64_t order_id = 0;
    std::string note;
    Key key() const { return {"order", order_id}; }
};
BOOST_DESCRIBE_STRUCT(Noted, (), (order_id, note))

/// What a listener that republishes makes of a Noted.
struct Copied {
    static constexpr std::string_view event_type = "Copied";
    std::int64_t order_id = 0;
    std::string note;
    Key key() const { return {"order", order_id}; }
};
BOOST_DESCRIBE_STRUCT(Copied, (), (order_id, note))

/// Nobody listens to it.
struct Ignored {
    static constexpr std::string_view event_type = "Ignored";
    std::int64_t order_id = 0;
    std::string note;
    Key key() const { return {"order", order_id}; }
};
BOOST_DESCRIBE_STRUCT(Ignored, (), (order_id, note))

inline const storage::Sql insert_nonsense{"test", "INSERT INTO effect(listener) VALUES (NULL)"};

std::vector<std::string> words_in(const std::string& text);

/// A subscription, as the tests want it.
struct Listener {
    std::string module = {};
    std::string name = {};
    std::string types = "Noted";
    bus::Effect effect = bus::Effect::durable;
    bus::RetryPolicy retry = {};
    bool republishes = false;  ///< a Copied for every Noted
    bus::Delivery::Limits limits = {};
};

/// Modules with their files, outboxes and subscriptions, the topic and the relay, on one thread, in
/// virtual time and on files in memory. Every event that a listener handles leaves a row (an
/// effect) in its module's file.
class BusFixture {
  public:
    explicit BusFixture(std::uint64_t seed = 1) : vfs(seed), random(seed) {}
    ~BusFixture() { close(); }
    BusFixture(const BusFixture&) = delete;
    BusFixture& operator=(const BusFixture&) = delete;

    struct Module {
        std::string name;
        std::unique_ptr<storage::Database> database;
        std::unique_ptr<bus::Outbox> outbox;
        bus::Gate gate{};
        std::vector<std::unique_ptr<bus::Subscription>> subscriptions;
    };

    // ---- given

    void given_modules(const std::string& names) { names_ = words_in(names); }
    void given_listener(Listener listener) { listeners_.push_back(std::move(listener)); }
    /// Its handlers throw at this note, so many times (a large number: until cured).
    void given_failing(const std::string& note, int times = 1'000'000) { failing_[note] = times; }
    void cured(const std::string& note) { failing_.erase(note); }

    std::int64_t short_for_ms = 0;  ///< see bus::Mirror
    /// Its topic is a mirror of that partition, which outlives it.
    void given_partition(Partition& partition) { partition_ = &partition; }

    void open();
    void open_relay();
    void close();
    /// Everything is dropped where it is, then opened again.
    void crash(Crash kind);
    /// Another subscription of that listener's, under another name (a rebuild's).
    std::unique_ptr<bus::Subscription> made(const Listener& listener, const std::string& name);
    std::unique_ptr<bus::Subscription> subscribed(
        bus::Policies policies, Module& owner, const bus::RetryPolicy& retry = {}
    );

    // ---- when

    /// Submits a transaction that publishes these events; `told` hears its outcome.
    template <class E = Noted>
    void submitted(
        const std::string& source,
        const std::string& events,
        std::function<void(storage::Outcome::Kind)> told = {}
    );
    /// One transaction that publishes them, committed.
    template <class E = Noted>
    void published(const std::string& source, const std::string& events);
    bool step_writer(const std::string& name) { return module(name).database->writer().step(); }
    /// Steps the relay until it rests.
    void relayed();
    /// Steps everything until all rest, without time going on.
    void settled();
    void after(std::int64_t ms);
    /// Lets time go on, from one due moment to the next, until nothing is due any more.
    void settled_for_good();
    bool step_all();
    /// In how many ms a subscription or the relay has something to do.
    std::optional<std::int64_t> due_in_ms() const;

    // ---- then

    Module& module(const std::string& name);
    bus::Subscription& subscription(const std::string& name);
    /// The events whose effects stand in the file, in the order of their handling: "5:a 6:b".
    std::string effects(const std::string& listener);
    /// What the topic holds, of one type or of all: "5:a 6:b".
    std::string in_topic(const std::string& type = {});
    std::vector<bus::Envelope> topic_events();
    /// The cursor as it stands in the file.
    std::int64_t stored_cursor(const std::string& listener);
    bus::HeldTable::Counts held(const std::string& listener);
    std::int64_t ask(const std::string& name, const std::string& sql);
    const std::string& module_of(const std::string& listener) const;

    Quiet quiet;
    MemoryVfs vfs;
    VirtualClock clock;
    SeededRandom random;
    bus::Pressure pressure{clock};
    std::unique_ptr<bus::Topic> topic;
    std::vector<std::unique_ptr<Module>> modules;
    std::unique_ptr<bus::Pipe> pipe;      ///< null without a partition
    std::unique_ptr<bus::Mirror> mirror;  ///< the same
    std::unique_ptr<bus::Relay> relay;
    int relay_rung = 0;
    int module_rung = 0;
    std::map<std::string, int> attempts;  ///< how often "listener note" was handled or tried
    /// Asked by every handler, after its effect was written; it may throw.
    std::function<void(const std::string& listener, const std::string& note)> in_handler;

  private:
    storage::Database::Options options(const std::string& name, std::vector<std::string> migrations)
        const;

    template <class E>
    void listen(bus::Policies& policies, const Listener& listener, const std::string& name);

    Partition* partition_ = nullptr;
    std::vector<std::string> names_;
    std::vector<Listener> listeners_;
    std::map<std::string, int> failing_;
};

}  // namespace bookstore::test
