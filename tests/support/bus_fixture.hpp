#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/describe.hpp>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bus/outbox.hpp"
#include "bus/pressure.hpp"
#include "bus/relay.hpp"
#include "bus/subscription.hpp"
#include "bus/topic.hpp"
#include "storage/database.hpp"
#include "support/memory_vfs.hpp"
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

inline const storage::Sql insert_effect{
    "test", "INSERT INTO effect(listener, key, note, position) VALUES (?1, ?2, ?3, ?4)"
};
inline const storage::Sql select_effects{
    "test", "SELECT key, note FROM effect WHERE listener = ?1 ORDER BY id"
};
inline const storage::Sql insert_nonsense{"test", "INSERT INTO effect(listener) VALUES (NULL)"};

inline std::vector<std::string> words_in(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    return words;
}

/// "5:a" -> {5, "a"}
template <class E>
E event_of(const std::string& word) {
    const auto colon = word.find(':');
    return {std::stoll(word.substr(0, colon)), word.substr(colon + 1)};
}

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
        std::vector<std::unique_ptr<bus::Subscription>> subscriptions;
    };

    // ---- given

    void given_modules(const std::string& names) { names_ = words_in(names); }
    void given_listener(Listener listener) { listeners_.push_back(std::move(listener)); }
    /// Its handlers throw at this note, so many times (a large number: until cured).
    void given_failing(const std::string& note, int times = 1'000'000) { failing_[note] = times; }
    void cured(const std::string& note) { failing_.erase(note); }

    void open() {
        topic = std::make_unique<bus::Topic>(options("topic", {"topic"}));
        for (const std::string& name : names_) {
            modules.push_back(std::make_unique<Module>());
            Module& module = *modules.back();
            module.name = name;
            module.database = std::make_unique<storage::Database>(options(name, {"bus"}));
            module.database->writer().connection().execute(
                "CREATE TABLE IF NOT EXISTS effect(id INTEGER PRIMARY KEY AUTOINCREMENT, "
                "listener TEXT NOT NULL, key TEXT NOT NULL, note TEXT NOT NULL, "
                "position INTEGER NOT NULL) STRICT"
            );
            module.outbox =
                std::make_unique<bus::Outbox>(name, *module.database, [this] { ++relay_rung; });
            module.outbox->may_publish({"Noted", "Copied", "Ignored"});
        }
        open_relay();
        for (const Listener& listener : listeners_) {
            Module& owner = module(listener.module);
            owner.subscriptions.push_back(made(listener, listener.name));
            owner.subscriptions.back()->start(listener.limits);
        }
    }
    void open_relay() {
        std::vector<bus::Outbox*> outboxes;
        for (const auto& module : modules) {
            outboxes.push_back(module->outbox.get());
        }
        relay = std::make_unique<bus::Relay>(*topic, outboxes, clock, pressure);
    }
    void close() {
        for (const auto& module : modules) {
            module->database->writer().drop_waiting();
        }
        for (const auto& module : modules) {
            module->subscriptions.clear();
        }
        relay.reset();
        modules.clear();
        topic.reset();
    }
    /// Everything is dropped where it is, then opened again.
    void crash(Crash kind) {
        if (!vfs.down()) {
            vfs.crash(kind);
        }
        close();
        vfs.restart();
        open();
    }
    /// Another subscription of that listener's, under another name (a rebuild's).
    std::unique_ptr<bus::Subscription> made(const Listener& listener, const std::string& name) {
        Module& owner = module(listener.module);
        bus::Policies policies(name);
        for (const std::string& type : words_in(listener.types)) {
            if (type == Noted::event_type) {
                listen<Noted>(policies, listener, name);
            } else {
                listen<Copied>(policies, listener, name);
            }
        }
        return subscribed(std::move(policies), owner, listener.retry);
    }
    std::unique_ptr<bus::Subscription> subscribed(
        bus::Policies policies, Module& owner, const bus::RetryPolicy& retry = {}
    ) {
        return std::make_unique<bus::Subscription>(
            std::move(policies),
            bus::Subscription::Context{
                .topic = *topic,
                .outbox = *owner.outbox,
                .clock = clock,
                .random = random,
                .pressure = pressure,
                .ring = [this] { ++module_rung; }
            },
            retry
        );
    }

    // ---- when

    /// Submits a transaction that publishes these events; `told` hears its outcome.
    template <class E = Noted>
    void submitted(
        const std::string& source,
        const std::string& events,
        std::function<void(storage::Outcome::Kind)> told = {}
    ) {
        module(source).database->writer().submit(
            {.durable = true,
             .run =
                 [this, source, events](storage::Connection& db) {
                     const std::string trace = "trace-" + source;
                     bus::UnitOfWork work(db, *module(source).outbox, clock, trace);
                     for (const std::string& word : words_in(events)) {
                         work.publish(event_of<E>(word));
                     }
                     return true;
                 },
             .done =
                 [told = std::move(told)](const storage::Outcome& outcome) {
                     if (told) {
                         told(outcome.kind);
                     }
                 }}
        );
    }
    /// One transaction that publishes them, committed.
    template <class E = Noted>
    void published(const std::string& source, const std::string& events) {
        bool committed = false;
        submitted<E>(source, events, [&committed](storage::Outcome::Kind kind) {
            committed = kind == storage::Outcome::Kind::committed;
        });
        while (module(source).database->writer().step()) {
        }
        REQUIRE(committed);
    }
    bool step_writer(const std::string& name) { return module(name).database->writer().step(); }
    /// Steps the relay until it rests.
    void relayed() {
        while (relay->step()) {
        }
    }
    /// Steps everything until all rest, without time going on.
    void settled() {
        for (int i = 0; i < 100'000; ++i) {
            if (!step_all()) {
                return;
            }
        }
        FAIL("it never comes to rest");
    }
    void after(std::int64_t ms) {
        clock.advance(ms);
        settled();
    }
    /// Lets time go on, from one due moment to the next, until nothing is due any more.
    void settled_for_good() {
        for (int i = 0; i < 10'000; ++i) {
            settled();
            const auto due = due_in_ms();
            if (!due) {
                return;
            }
            clock.advance(std::max<std::int64_t>(1, *due));
        }
        FAIL("something is always due");
    }
    bool step_all() {
        topic->work();  // a file that could not be opened is
        bool did = relay->step();
        for (const auto& module : modules) {
            for (const auto& subscription : module->subscriptions) {
                did = subscription->step() || did;
            }
            did = module->database->writer().step() || did;
        }
        return did;
    }
    /// In how many ms a subscription or the relay has something to do.
    std::optional<std::int64_t> due_in_ms() const {
        std::optional<std::int64_t> due;
        const auto consider = [&due](std::optional<std::int64_t> ms) {
            if (ms) {
                due = std::min(due.value_or(*ms), *ms);
            }
        };
        consider(relay->due_in_ms());
        for (const auto& module : modules) {
            for (const auto& subscription : module->subscriptions) {
                consider(subscription->due_in_ms());
            }
        }
        return due;
    }

    // ---- then

    Module& module(const std::string& name) {
        const auto found = std::ranges::find(modules, name, [](const auto& m) { return m->name; });
        REQUIRE(found != modules.end());
        return **found;
    }
    bus::Subscription& subscription(const std::string& name) {
        for (const auto& module : modules) {
            for (const auto& subscription : module->subscriptions) {
                if (subscription->name() == name) {
                    return *subscription;
                }
            }
        }
        FAIL("no subscription " << name);
        throw std::logic_error(name);
    }
    /// The events whose effects stand in the file, in the order of their handling: "5:a 6:b".
    std::string effects(const std::string& listener) {
        Module& owner = module(module_of(listener));
        const storage::Reader reader = owner.database->read();
        auto statement = reader->prepare(select_effects);
        statement.bind(listener);
        std::string all;
        while (statement.step()) {
            all += fmt::format(
                "{}{}:{}", all.empty() ? "" : " ", statement.text(0).substr(6), statement.text(1)
            );
        }
        return all;
    }
    /// What the topic holds, of one type or of all: "5:a 6:b".
    std::string in_topic(const std::string& type = {}) {
        std::string all;
        for (const bus::Envelope& event : topic_events()) {
            if (type.empty() || event.type == type) {
                const auto noted = bus::parse_event<Noted>(event.payload);
                all += fmt::format("{}{}:{}", all.empty() ? "" : " ", noted.order_id, noted.note);
            }
        }
        return all;
    }
    std::vector<bus::Envelope> topic_events() {
        std::vector<bus::Envelope> all;
        for (std::int64_t position = 0; position < topic->end();) {
            auto batch = topic->read(position, {}, 1000);
            REQUIRE(batch.scanned > position);
            position = batch.scanned;
            for (const auto& event : batch.events) {
                all.push_back(*event);
            }
        }
        return all;
    }
    /// The cursor as it stands in the file.
    std::int64_t stored_cursor(const std::string& listener) {
        return ask(
            module_of(listener),
            fmt::format("SELECT position FROM subscription WHERE name = '{}'", listener)
        );
    }
    bus::HeldTable::Counts held(const std::string& listener) {
        const storage::Reader reader = module(module_of(listener)).database->read();
        return subscription(listener).held().counts(*reader);
    }
    std::int64_t ask(const std::string& name, const std::string& sql) {
        const storage::Reader reader = module(name).database->read();
        return reader->query_integer(sql);
    }
    const std::string& module_of(const std::string& listener) const {
        const auto found = std::ranges::find(listeners_, listener, &Listener::name);
        REQUIRE(found != listeners_.end());
        return found->module;
    }

    Quiet quiet;
    MemoryVfs vfs;
    VirtualClock clock;
    SeededRandom random;
    bus::Pressure pressure{clock};
    std::unique_ptr<bus::Topic> topic;
    std::vector<std::unique_ptr<Module>> modules;
    std::unique_ptr<bus::Relay> relay;
    int relay_rung = 0;
    int module_rung = 0;
    std::map<std::string, int> attempts;  ///< how often "listener note" was handled or tried
    /// Asked by every handler, after its effect was written; it may throw.
    std::function<void(const std::string& listener, const std::string& note)> in_handler;

  private:
    storage::Database::Options options(const std::string& name, std::vector<std::string> migrations)
        const {
        return {
            .path = name + ".db",
            .vfs = vfs.name(),
            .migrations = std::move(migrations),
            .ring = {},
            .now_ms = clock.now_ms(),
            .read_limit_ms = 0
        };
    }

    template <class E>
    void listen(bus::Policies& policies, const Listener& listener, const std::string& name) {
        policies.whenever<E>(
            "note it",
            listener.effect,
            [this,
             name,
             republishes = listener.republishes](const E& event, bus::UnitOfWork& work) {
                ++attempts[name + " " + event.note];
                REQUIRE(work.cause() != nullptr);
                work.prepare(insert_effect)
                    .bind(name, work.cause()->key, event.note, work.cause()->position)
                    .run();
                if (republishes) {
                    work.publish(Copied{event.order_id, event.note});
                }
                if (const auto failing = failing_.find(event.note);
                    failing != failing_.end() && failing->second > 0) {
                    --failing->second;
                    throw std::runtime_error("cannot handle " + event.note);
                }
                if (in_handler) {
                    in_handler(name, event.note);
                }
            }
        );
    }

    std::vector<std::string> names_;
    std::vector<Listener> listeners_;
    std::map<std::string, int> failing_;
};

}  // namespace bookstore::test
