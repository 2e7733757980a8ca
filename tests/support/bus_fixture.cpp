#include "support/bus_fixture.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace bookstore::test {
namespace {

const storage::Sql insert_effect{
    "test", "INSERT INTO effect(listener, key, note, position) VALUES (?1, ?2, ?3, ?4)"
};
const storage::Sql select_effects{
    "test", "SELECT key, note FROM effect WHERE listener = ?1 ORDER BY id"
};
/// "5:a" -> {5, "a"}
template <class E>
E event_of(const std::string& word) {
    const auto colon = word.find(':');
    return {std::stoll(word.substr(0, colon)), word.substr(colon + 1)};
}

}  // namespace

std::vector<std::string> words_in(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    return words;
}

void BusFixture::open() {
    topic = std::make_unique<bus::Topic>(options("topic", {"topic"}));
    if (partition_ != nullptr) {
        pipe = partition_->pipe();
        mirror = std::make_unique<bus::Mirror>(
            *topic,
            *pipe,
            clock,
            bus::Mirror::Options{.topic = "shop", .audit_every_ms = 0, .short_for_ms = short_for_ms}
        );
    }
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

void BusFixture::open_relay() {
    if (mirror) {
        std::vector<bus::PartitionRelay::Hosted> hosted;
        for (const auto& module : modules) {
            const storage::Reader reader = module->database->read();
            hosted.push_back({*module->outbox, module->gate, bus::stored_cursors(*reader)});
        }
        relay = std::make_unique<bus::PartitionRelay>(*mirror, *pipe, hosted, clock, pressure);
        return;
    }
    std::vector<bus::Outbox*> outboxes;
    for (const auto& module : modules) {
        outboxes.push_back(module->outbox.get());
    }
    relay = std::make_unique<bus::TopicRelay>(*topic, outboxes, clock, pressure);
}

void BusFixture::close() {
    for (const auto& module : modules) {
        module->database->writer().drop_waiting();
    }
    for (const auto& module : modules) {
        module->subscriptions.clear();
    }
    relay.reset();
    modules.clear();
    mirror.reset();
    pipe.reset();
    topic.reset();
}

void BusFixture::crash(Crash kind) {
    if (!vfs.down()) {
        vfs.crash(kind);
    }
    close();
    vfs.restart();
    open();
}

template <class E>
void BusFixture::listen(
    bus::Policies& policies, const Listener& listener, const std::string& name
) {
    policies.whenever<E>(
        "note it",
        listener.effect,
        [this, name, republishes = listener.republishes](const E& event, bus::UnitOfWork& work) {
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

std::unique_ptr<bus::Subscription> BusFixture::made(
    const Listener& listener, const std::string& name
) {
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

std::unique_ptr<bus::Subscription> BusFixture::subscribed(
    bus::Policies policies, Module& owner, const bus::RetryPolicy& retry
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

template <class E>
void BusFixture::submitted(
    const std::string& source,
    const std::string& events,
    std::function<void(storage::Outcome::Kind)> told
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

template <class E>
void BusFixture::published(const std::string& source, const std::string& events) {
    bool committed = false;
    submitted<E>(source, events, [&committed](storage::Outcome::Kind kind) {
        committed = kind == storage::Outcome::Kind::committed;
    });
    while (module(source).database->writer().step()) {
    }
    REQUIRE(committed);
}

template void BusFixture::submitted<
    Noted>(const std::string&, const std::string&, std::function<void(storage::Outcome::Kind)>);
template void BusFixture::published<Noted>(const std::string&, const std::string&);
template void BusFixture::submitted<
    Copied>(const std::string&, const std::string&, std::function<void(storage::Outcome::Kind)>);
template void BusFixture::published<Copied>(const std::string&, const std::string&);
template void BusFixture::submitted<
    Ignored>(const std::string&, const std::string&, std::function<void(storage::Outcome::Kind)>);
template void BusFixture::published<Ignored>(const std::string&, const std::string&);

void BusFixture::relayed() {
    while (relay->step()) {
    }
}

void BusFixture::settled() {
    for (int i = 0; i < 100'000; ++i) {
        if (!step_all()) {
            return;
        }
    }
    FAIL("it never comes to rest");
}

void BusFixture::after(std::int64_t ms) {
    clock.advance(ms);
    settled();
}

void BusFixture::settled_for_good() {
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

bool BusFixture::step_all() {
    topic->work();  // a file that could not be opened is
    bool did = relay->step();
    for (const auto& module : modules) {
        for (const auto& subscription : module->subscriptions) {
            did = (module->gate.is_open() && subscription->step()) || did;
        }
        did = module->database->writer().step() || did;
    }
    return did;
}

std::optional<std::int64_t> BusFixture::due_in_ms() const {
    std::optional<std::int64_t> due;
    const auto consider = [&due](std::optional<std::int64_t> ms) {
        if (ms) {
            due = std::min(due.value_or(*ms), *ms);
        }
    };
    consider(relay->due_in_ms());
    for (const auto& module : modules) {
        for (const auto& subscription : module->subscriptions) {
            if (!module->gate.is_open()) {
                continue;
            }
            consider(subscription->due_in_ms());
        }
    }
    return due;
}

BusFixture::Module& BusFixture::module(const std::string& name) {
    const auto found = std::ranges::find(modules, name, [](const auto& m) { return m->name; });
    REQUIRE(found != modules.end());
    return **found;
}

bus::Subscription& BusFixture::subscription(const std::string& name) {
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

std::string BusFixture::effects(const std::string& listener) {
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

std::string BusFixture::in_topic(const std::string& type) {
    std::string all;
    for (const bus::Envelope& event : topic_events()) {
        if (type.empty() || event.type == type) {
            const auto noted = bus::parse_event<Noted>(event.payload);
            all += fmt::format("{}{}:{}", all.empty() ? "" : " ", noted.order_id, noted.note);
        }
    }
    return all;
}

std::vector<bus::Envelope> BusFixture::topic_events() {
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

std::int64_t BusFixture::stored_cursor(const std::string& listener) {
    return ask(
        module_of(listener),
        fmt::format("SELECT position FROM subscription WHERE name = '{}'", listener)
    );
}

bus::HeldTable::Counts BusFixture::held(const std::string& listener) {
    const storage::Reader reader = module(module_of(listener)).database->read();
    return subscription(listener).held().counts(*reader);
}

std::int64_t BusFixture::ask(const std::string& name, const std::string& sql) {
    const storage::Reader reader = module(name).database->read();
    return reader->query_integer(sql);
}

const std::string& BusFixture::module_of(const std::string& listener) const {
    const auto found = std::ranges::find(listeners_, listener, &Listener::name);
    REQUIRE(found != listeners_.end());
    return found->module;
}

storage::Database::Options BusFixture::options(
    const std::string& name, std::vector<std::string> migrations
) const {
    return {
        .path = name + ".db",
        .vfs = vfs.name(),
        .migrations = std::move(migrations),
        .ring = {},
        .now_ms = clock.now_ms(),
        .read_limit_ms = 0
    };
}

}  // namespace bookstore::test
