#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>

#include "simulation/world.hpp"

namespace {

using bookstore::test::Tally;
using bookstore::test::World;

struct Options {
    std::uint64_t seed = 1;
    std::int64_t runs = 1000;
    std::int64_t steps = 1200;
    bool trace = false;
};

void add(Tally& sum, const Tally& run) {
    sum.steps += run.steps;
    sum.crashes += run.crashes;
    sum.orders += run.orders;
    sum.cancels += run.cancels;
    sum.held += run.held;
    sum.rebuilds += run.rebuilds;
    sum.faults += run.faults;
    sum.stops += run.stops;
    sum.parked += run.parked;
    sum.clock_steps += run.clock_steps;
    sum.events += run.events;
}

/// false: an invariant broke.
bool run_one(const Options& options, std::uint64_t seed, Tally& sum) {
    try {
        World world(seed, options.trace);
        add(sum, world.run(options.steps));
        return true;
    } catch (const std::exception& error) {
        fmt::print(
            "seed {} BROKEN: {}\n  replay: simulation --seed {} --runs 1 --steps {} --trace\n",
            seed,
            error.what(),
            seed,
            options.steps
        );
        std::fflush(stdout);
        return false;
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("All contexts under one seeded scheduler, with crashes; checks the invariants");
    app.add_option("--seed", options.seed, "The first seed")->capture_default_str();
    app.add_option("--runs", options.runs, "How many seeds")
        ->envname("BOOKSTORE_SEEDS")
        ->capture_default_str();
    app.add_option("--steps", options.steps, "Of each run")->capture_default_str();
    app.add_flag("--trace", options.trace, "Print every step");
    CLI11_PARSE(app, argc, argv);
    spdlog::set_level(options.trace ? spdlog::level::debug : spdlog::level::off);

    const auto start = std::chrono::steady_clock::now();
    Tally sum;
    std::int64_t broken = 0;
    for (std::int64_t run = 0; run < options.runs && broken < 5; ++run) {
        broken += run_one(options, options.seed + static_cast<std::uint64_t>(run), sum) ? 0 : 1;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print(
        "{} runs from seed {}: {} steps, {} crashes, {} disk faults, {} orders, {} cancels, {} "
        "handler failures, {} parked, {} clock steps, {} stops, {} rebuilds, {} events, {:.1f} s: "
        "{}\n",
        options.runs,
        options.seed,
        sum.steps,
        sum.crashes,
        sum.faults,
        sum.orders,
        sum.cancels,
        sum.held,
        sum.parked,
        sum.clock_steps,
        sum.stops,
        sum.rebuilds,
        sum.events,
        seconds.count(),
        broken == 0 ? "all invariants held" : fmt::format("{} BROKEN", broken)
    );
    return broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
