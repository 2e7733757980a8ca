#include <doctest/doctest.h>
#include <sqlite3.h>

#include <set>

#include "support/bus_fixture.hpp"
#include "support/seeds.hpp"

namespace bookstore::test {
namespace {

const storage::Sql select_positions{
    "test", "SELECT key, position FROM effect WHERE listener = ?1 ORDER BY id"
};

struct Effect {
    std::string key;
    std::int64_t position;
};

/// Sources, listeners that react and that fail, a disk that fails, crashes: whatever comes, in an
/// order that the seed draws.
struct Storm : BusFixture {
    explicit Storm(std::uint64_t seed) : BusFixture(seed), draw(seed * 7919) {
        const bus::RetryPolicy retry{.attempts = 1'000'000, .first_ms = 50, .most_ms = 400};
        given_modules("shop market depot bill");
        given_listener({.module = "depot", .name = "pack", .retry = retry, .republishes = true});
        given_listener({.module = "bill", .name = "charge", .types = "Noted Copied", .retry = retry}
        );
        given_listener(
            {.module = "bill",
             .name = "view",
             .types = "Noted Copied",
             .effect = bus::Effect::replayable,
             .retry = retry}
        );
        given_listener(
            {.module = "market",
             .name = "echo",
             .types = "Copied",
             .effect = bus::Effect::replayable,
             .retry = retry}
        );
        in_handler = [this](const std::string&, const std::string&) {
            if (handlers_fail && draw.one_in(15)) {
                throw std::runtime_error("not this time");
            }
        };
        open();
    }

    SeededRandom draw;
    bool handlers_fail = true;
    int published_so_far = 0;
    int crashes = 0;
    std::map<std::string, std::string> outcomes;  ///< of each note; "not told" at first
    std::map<std::string, std::vector<std::string>> submitted_by;

    template <class T, std::size_t N>
    const T& any_of(const T (&choices)[N]) {
        return choices[static_cast<std::size_t>(draw.below(N))];
    }
    Module& any_module() {
        return *modules[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(modules.size()
        )))];
    }

    void publish() {
        static const std::string sources[] = {"shop", "market"};
        const std::string& source = any_of(sources);
        std::string events;
        std::vector<std::string> notes;
        for (auto i = draw.below(3); i >= 0; --i) {
            notes.push_back(std::to_string(++published_so_far));
            events += fmt::format("{}:{} ", draw.below(4), notes.back());
        }
        if (draw.one_in(5)) {
            submitted<Ignored>(source, events);
            return;
        }
        for (const std::string& note : notes) {
            outcomes[note] = "not told";
            submitted_by[source].push_back(note);
        }
        submitted(source, events, [this, notes](storage::Outcome::Kind kind) {
            for (const std::string& note : notes) {
                outcomes[note] = word_of(kind);
            }
        });
    }

    void break_something() {
        static const std::string files[] = {
            "topic.db", "shop.db", "market.db", "depot.db", "bill.db", ""
        };
        static const FileOperation operations[] = {
            FileOperation::write, FileOperation::sync, FileOperation::read
        };
        static const std::map<FileOperation, int> codes{
            {FileOperation::write, SQLITE_FULL},
            {FileOperation::sync, SQLITE_IOERR_FSYNC},
            {FileOperation::read, SQLITE_IOERR_READ}
        };
        const FileOperation operation = any_of(operations);
        vfs.fail(
            {.operation = operation,
             .code = codes.at(operation),
             .file = any_of(files),
             .skip = static_cast<int>(draw.below(8)),
             .times = 1 + static_cast<int>(draw.below(3)),
             .forgets = draw.one_in(2)}
        );
    }

    Crash any_crash() {
        static const Crash kinds[] = {Crash::process, Crash::power_loss, Crash::power_loss_torn};
        return any_of(kinds);
    }
    void crash_now() {
        vfs.clear_failures();
        vfs.before_write({});
        ++crashes;
        crash(any_crash());
    }
    /// In the middle of whatever is written next, or a little later.
    void crash_soon() {
        vfs.before_write([this, left = draw.below(12)](FileOperation, const std::string&) mutable {
            if (left-- == 0 && !vfs.down()) {
                vfs.crash(any_crash());
            }
        });
    }

    void step_something() {
        switch (draw.below(16)) {
            case 0:
            case 1:
            case 2:
                publish();
                break;
            case 3:
            case 4:
                relay->step();
                break;
            case 5:
            case 6:
            case 7:
                any_module().database->writer().step();
                break;
            case 8:
            case 9:
            case 10: {
                Module& module = any_module();
                for (const auto& subscription : module.subscriptions) {
                    subscription->step();
                }
                break;
            }
            case 11:
                clock.advance(draw.below(400));
                break;
            case 12:
                step_all();
                break;
            case 13:
                if (draw.one_in(2)) {
                    any_module().database->writer().idle();
                } else {
                    topic->idle();
                }
                break;
            case 14:
                draw.one_in(2) ? break_something() : vfs.clear_failures();
                break;
            default:
                if (draw.one_in(6)) {
                    draw.one_in(2) ? crash_soon() : crash_now();
                }
        }
        if (vfs.down()) {
            crash_now();
        }
    }

    void calm_down() {
        handlers_fail = false;
        vfs.clear_failures();
        vfs.before_write({});
        settled_for_good();
    }

    std::vector<Effect> effects_of(const std::string& listener) {
        const storage::Reader reader = module(module_of(listener)).database->read();
        auto statement = reader->prepare(select_positions);
        statement.bind(listener);
        std::vector<Effect> effects;
        while (statement.step()) {
            effects.push_back({statement.string(0), statement.integer(1)});
        }
        return effects;
    }

    /// Each published event is in the topic once, in its source's order, and nothing else is.
    void check_topic(const std::vector<bus::Envelope>& events) {
        std::map<std::string, std::vector<std::string>> notes;  // by type and source
        for (std::size_t i = 0; i < events.size(); ++i) {
            REQUIRE(events[i].position == static_cast<std::int64_t>(i) + 1);
            notes[events[i].type + events[i].source].push_back(
                bus::parse_event<Noted>(events[i].payload).note
            );
        }
        std::set<std::string> there;
        for (const std::string source : {"shop", "market"}) {
            auto expected = submitted_by[source].begin();
            for (const std::string& note : notes["Noted" + source]) {
                REQUIRE(there.insert(note).second);
                expected = std::find(expected, submitted_by[source].end(), note);
                REQUIRE(expected != submitted_by[source].end());
            }
        }
        for (const auto& [note, outcome] : outcomes) {
            CAPTURE(note);
            REQUIRE((outcome != "committed" || there.contains(note)));
            REQUIRE((outcome != "failed" || !there.contains(note)));
        }
        const auto& copies = notes["Copieddepot"];
        REQUIRE(copies.size() == there.size());
        REQUIRE(std::set(copies.begin(), copies.end()) == there);
    }

    /// Each event of its types left one effect, and those of a key in the order of the topic.
    void check_listener(
        const std::string& name, const std::string& types, const std::vector<bus::Envelope>& events
    ) {
        CAPTURE(name);
        std::set<std::int64_t> expected;
        for (const bus::Envelope& event : events) {
            if (types.find(event.type) != std::string::npos) {
                expected.insert(event.position);
            }
        }
        std::map<std::string, std::int64_t> last;
        for (const Effect& effect : effects_of(name)) {
            REQUIRE(expected.erase(effect.position) == 1);
            REQUIRE(effect.position > last[effect.key]);
            last[effect.key] = effect.position;
        }
        REQUIRE(expected.empty());
        REQUIRE(held(name).held == 0);
    }

    void check() {
        const auto events = topic_events();
        check_topic(events);
        check_listener("pack", "Noted", events);
        check_listener("charge", "Noted Copied", events);
        check_listener("view", "Noted Copied", events);
        check_listener("echo", "Copied", events);
        for (const auto& module : modules) {
            REQUIRE(
                module->database->writer().connection().query_text("PRAGMA integrity_check") == "ok"
            );
            REQUIRE(module->outbox->depth() == 0);
        }
    }
};

}  // namespace

TEST_CASE(
    "whatever fails and crashes, every event is handled once by each listener, in order per key"
) {
    int crashes = 0;
    int failures = 0;
    int events = 0;
    for (std::uint64_t seed = 1; seed <= seeds(300); ++seed) {
        CAPTURE(seed);
        Storm storm(seed);
        const auto steps = 100 + storm.draw.below(200);
        for (int i = 0; i < steps; ++i) {
            storm.step_something();
        }
        storm.calm_down();
        storm.check();
        storm.crash(storm.any_crash());
        storm.calm_down();
        storm.check();
        crashes += storm.crashes;
        failures += storm.vfs.failed();
        events += static_cast<int>(storm.topic->end());
    }
    MESSAGE(events << " events, " << crashes << " crashes, " << failures << " failed operations");
    CHECK(crashes > 300);
    CHECK(failures > 300);
}

TEST_CASE("a crash before any single write or sync of the way of an event loses and doubles nothing"
) {
    for (const Crash kind : {Crash::process, Crash::power_loss, Crash::power_loss_torn}) {
        int at = 1;
        for (bool crashed = true; crashed; ++at) {
            CAPTURE(at);
            REQUIRE(at < 500);
            BusFixture bus(static_cast<std::uint64_t>(at));
            bus.given_modules("shop depot bill");
            bus.given_listener({.module = "depot", .name = "pack", .republishes = true});
            bus.given_listener({.module = "bill", .name = "charge", .types = "Noted Copied"});
            bus.given_failing("b", 2);  // it is held once
            bus.open();
            bool committed = false;
            bus.submitted("shop", "1:a 1:b 2:c", [&](storage::Outcome::Kind told) {
                committed = told == storage::Outcome::Kind::committed;
            });
            bus.vfs.before_write([&, left = at](FileOperation, const std::string&) mutable {
                if (--left == 0) {
                    bus.vfs.crash(kind);
                }
            });
            for (int i = 0; i < 50 && !bus.vfs.down(); ++i) {
                bus.step_all();
                bus.clock.advance(20);
            }
            bus.vfs.before_write({});
            crashed = bus.vfs.down();
            bus.crash(kind);
            bus.settled_for_good();
            const std::string all = bus.in_topic("Noted");
            REQUIRE((all == "1:a 1:b 2:c" || (all.empty() && !committed)));
            if (!all.empty()) {
                REQUIRE(words_in(bus.effects("pack")).size() == 3);
                REQUIRE(bus.effects("pack").find("1:a") < bus.effects("pack").find("1:b"));
                REQUIRE(words_in(bus.in_topic("Copied")).size() == 3);
                REQUIRE(words_in(bus.effects("charge")).size() == 6);
            }
        }
        CHECK(at > 30);
    }
}

}  // namespace bookstore::test
