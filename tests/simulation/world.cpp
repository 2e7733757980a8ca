#include "simulation/world.hpp"

#include <fmt/format.h>

#include "app/contexts.hpp"
#include "storage/connection.hpp"
#include "storage/error.hpp"

// Opening, crashing, and the scheduler.

namespace bookstore::test {
namespace {

/// Empty, migrated files: made once, loaded by every run.
const MemoryVfs::Image& fresh_image() {
    static const MemoryVfs::Image image = [] {
        MemoryVfs vfs(1);
        const VirtualClock clock;
        SeededRandom random(1);
        {
            const host::System system(
                app::contexts(),
                {.data_dir = World::directory, .vfs = vfs.name()},
                clock,
                random,
                [](std::size_t) {}
            );
        }
        return vfs.image();
    }();
    return image;
}

}  // namespace

World::World(std::uint64_t seed, bool trace)
    : seed_(seed), trace_(trace), vfs_(seed), random_(seed), system_random_(seed + 1'000'003) {
    cuts_log_ = random_.one_in(4);
    vfs_.load(fresh_image());
    vfs_.before_write([this](FileOperation, const std::string&) {
        if (writes_to_crash_ == 0) {
            vfs_.crash(next_crash_);
        }
        if (writes_to_crash_ >= 0) {
            --writes_to_crash_;
        }
    });
    open();
}

World::~World() {
    vfs_.before_write({});
    close();
}

void World::note(const std::string& what) const {
    if (trace_) {
        fmt::print("{:>6} {} {}\n", tally_.steps, clock_.now_ms() - VirtualClock::start_ms, what);
        std::fflush(stdout);
    }
}

void World::breaks(const std::string& what) {
    if (broken_.empty()) {
        broken_ = what;
    }
}

void World::throw_if_broken() const {
    if (!broken_.empty()) {
        throw Broken(broken_);
    }
}

std::string World::rows_of(const std::string& role, const std::string& sql) {
    storage::Connection db(
        fmt::format("{}/{}.db", directory, role), storage::Connection::Mode::read_only, vfs_.name()
    );
    return db.query_text(sql).value_or("");
}

// ---- opening and crashing

void World::open() {
    host::SystemOptions options{.data_dir = directory, .vfs = vfs_.name()};
    for (const char* context : {"customer", "inventory", "van", "delivery", "payment"}) {
        if (!calm_ && random_.one_in(10)) {
            options.stopped.emplace_back(context);
        }
    }
    options.before_handling = [this](std::string_view name, const bus::Envelope& event) {
        // Some fail once or twice, some until somebody has them skipped.
        const auto place = static_cast<std::uint64_t>(event.position) + name.size();
        if (!calm_ && (random_.one_in(60) || (place + seed_) % 31 == 0)) {
            ++tally_.held;
            throw std::runtime_error(fmt::format("{} is made to fail on {}", name, event.key));
        }
    };
    options.read_limit_ms = 0;  // it is of the machine's time
    options.retry.attempts = some(3);
    if (cuts_log_) {
        options.retention.max_age_ms = 5'000;
    }
    system_ = std::make_unique<host::System>(
        app::contexts(), options, clock_, system_random_, [](std::size_t) {}
    );
    std::vector<http::Route> routes;
    for (kernel::Endpoint& endpoint : system_->endpoints()) {
        routes.push_back(std::move(endpoint.route));
    }
    router_ = std::make_unique<http::Router>(std::move(routes));
}

void World::close() {
    router_.reset();
    system_.reset();
    requests_.clear();
}

void World::crash_now() {
    ++tally_.crashes;
    do {
        note("CRASH, open again");
        writes_to_crash_ = -1;
        vfs_.clear_failures();
        reads_failed_ = false;
        close();
        vfs_.restart();
        if (!calm_ && !mixed_) {
            disturb_start();
        }
    } while (!try_open());
}

void World::disturb_start() {
    switch (random_.below(10)) {
        case 0:  // once more, while it recovers
            writes_to_crash_ = random_.below(20);
            next_crash_ = static_cast<Crash>(random_.below(3));
            break;
        case 1:
            fail_reads();
            break;
        case 2:
        case 3:
            mix_moments();
            break;
        default:
            break;
    }
}

/// false: it is to be opened once more.
bool World::try_open() {
    try {
        open();
    } catch (const storage::Refused& refused) {
        note(refused.what());
        ++tally_.refused;
        if (mixed_) {
            put_right_file_back();
        } else if (!damaged_.empty() &&
                   std::string_view(refused.what()).contains(damaged_ + ".db is damaged")) {
            heal();
        } else {
            throw Broken(fmt::format("a start was refused: {}", refused.what()));
        }
        return false;
    } catch (const storage::Error& error) {
        note(error.what());
        if (!vfs_.down() && !reads_failed_) {
            throw;
        }
        return false;
    }
    if (vfs_.down()) {
        return false;
    }
    if (mixed_) {
        note("the moments fit together");
        forget_what_left_no_event(mixed_->role);
        mixed_.reset();
        snapshot_.clear();  // ids that were forgotten are given out again: its life is another one
    }
    return true;
}

// ---- what may happen

Tally World::run(std::int64_t steps) {
    send(http::Method::post, "/customers", R"({"customerName":"Kim"})", {});
    for (; tally_.steps < steps; ++tally_.steps) {
        act();
        throw_if_broken();
        if (vfs_.down()) {
            crash_now();
        }
    }
    settle();
    check();
    throw_if_broken();
    tally_.events = system_->topic().end();
    tally_.damaged_reads = vfs_.damaged_reads();
    return tally_;
}

void World::act() {
    const std::int64_t dice = random_.below(1000);
    if (dice < 800) {
        step_something();
    } else if (dice < 940) {
        client_acts();
    } else if (dice < 975) {
        advance_time();
    } else if (dice < 987) {
        operate();
    } else {
        disturb();
    }
}

/// As the threads do (host/threads.cpp), it survives what a step throws; which may be for a fault
/// of the disk alone.
bool World::guarded(const std::function<bool()>& step) {
    try {
        return step();
    } catch (const storage::Error& error) {
        note(error.what());
        if (!vfs_.down() && !reads_failed_ && damaged_.empty()) {
            throw;
        }
        return false;
    }
}

kernel::HostedModule& World::some_module() {
    const auto count = static_cast<std::int64_t>(system_->modules().size());
    return *system_->modules()[static_cast<std::size_t>(random_.below(count))];
}

void World::step_something() {
    const auto count = static_cast<std::int64_t>(system_->modules().size());
    const std::int64_t place = random_.below(count + 3);
    if (place < count) {
        step_module(*system_->modules()[static_cast<std::size_t>(place)]);
    } else if (cuts_log_ && random_.one_in(2)) {
        note("retention");
        guarded([this] { return system_->retention().step(); });
    } else {
        note("relay");
        guarded([this] { return system_->relay().step(); });
    }
}

/// Everything once; says what was busy.
std::string World::step_each() {
    std::string busy = guarded([this] { return system_->relay().step(); }) ? "relay" : "";
    for (const auto& module : system_->modules()) {
        busy += guarded([&] { return module->step(); }) ? " " + module->name() : "";
    }
    busy += guarded([this] { return system_->retention().step(); }) ? " retention" : "";
    throw_if_broken();
    return busy;
}

void World::step_module(kernel::HostedModule& module) {
    note(module.name());
    guarded([&] {
        if (random_.one_in(2)) {
            return module.step();
        }
        step_part_of(module);
        return true;
    });
}

void World::step_part_of(kernel::HostedModule& module) {
    const auto steps_one = [this](const auto& all) {
        if (!all.empty()) {
            all[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(all.size())))]
                ->step();
        }
    };
    switch (module.works() ? random_.below(8) : random_.below(3)) {
        case 0:
        case 1:
            module.strand().step();
            break;
        case 2:
            module.database().writer().step();
            module.wake_tasks();
            break;
        case 3:
            steps_one(module.tasks());
            break;
        case 4:
            steps_one(module.rebuilds());
            break;
        case 5:
            module.idle();
            break;
        default:
            steps_one(module.subscriptions());
            break;
    }
}

void World::advance_time() {
    // Mostly a little; sometimes so long that every call times out.
    const std::int64_t ms = random_.one_in(8) ? random_.below(20'000) : random_.below(300);
    note(fmt::format("{} ms go by", ms));
    clock_.advance(ms);
    for (const auto& module : system_->modules()) {
        module->try_storage();  // as whoever looks at the health does
    }
    if (!calm_ && random_.one_in(30)) {  // somebody, or NTP, sets the wall clock: days either way
        const std::int64_t most = random_.one_in(3) ? 5'000 : 200'000'000;
        const std::int64_t step_ms = random_.below(2 * most) - most;
        note(fmt::format("the wall clock is set by {} ms", step_ms));
        clock_.set_wall_clock(clock_.now_ms() + step_ms);
        ++tally_.clock_steps;
    }
}

}  // namespace bookstore::test
