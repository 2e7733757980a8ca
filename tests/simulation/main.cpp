#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>

#include "simulation/jobs.hpp"
#include "simulation/split_world.hpp"
#include "simulation/world.hpp"

namespace {

using bookstore::test::Jobs;
using bookstore::test::SplitWorld;
using bookstore::test::Tally;
using bookstore::test::World;

struct Options {
    std::uint64_t seed = 1;
    std::int64_t runs = 1000;
    std::int64_t steps = 1200;
    std::int64_t jobs = std::max<std::int64_t>(std::thread::hardware_concurrency(), 1);
    bool split = false;
    bool trace = false;
};

/// In one piece, for others print too.
void print_broken(const Options& options, std::uint64_t seed, std::string_view why) {
    const std::string text = fmt::format(
        "seed {} BROKEN: {}\n  replay: simulation {}--seed {} --runs 1 --steps {} --trace\n",
        seed,
        why,
        options.split ? "--split " : "",
        seed,
        options.steps
    );
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

bool run_one(const Options& options, std::uint64_t seed, Tally& sum) {
    try {
        if (options.split) {
            SplitWorld world(seed, options.trace);
            sum += world.run(options.steps);
        } else {
            World world(seed, options.trace);
            sum += world.run(options.steps);
        }
        return true;
    } catch (const std::exception& error) {
        print_broken(options, seed, error.what());
        return false;
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("All contexts under one seeded scheduler, with faults; checks the invariants");
    app.add_option("--seed", options.seed, "The first seed")->capture_default_str();
    app.add_option("--runs", options.runs, "How many seeds")
        ->envname("BOOKSTORE_SEEDS")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--steps", options.steps, "Of each run")->capture_default_str();
    app.add_option("--jobs", options.jobs, "How many at a time, a process each; 1 with --trace")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_flag("--split", options.split, "Contexts in several processes, over one partition");
    app.add_flag("--trace", options.trace, "Print every step");
    CLI11_PARSE(app, argc, argv);
    spdlog::set_level(options.trace ? spdlog::level::debug : spdlog::level::off);

    const Jobs jobs{
        .seed = options.seed,
        .runs = options.runs,
        .processes = options.trace ? 1 : options.jobs,
    };
    const auto start = std::chrono::steady_clock::now();
    const auto result = bookstore::test::run_jobs(
        jobs,
        [&options](std::uint64_t seed, Tally& sum) { return run_one(options, seed, sum); },
        [&options](std::uint64_t seed) { print_broken(options, seed, "its process ended"); }
    );
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print(
        "{} runs from seed {}: {}; {:.1f} s, {:.1f} seeds a second: {}\n",
        result.runs,
        options.seed,
        result.sum.text(),
        seconds.count(),
        static_cast<double>(result.runs) / seconds.count(),
        result.broken == 0 ? "all invariants held" : fmt::format("{} BROKEN", result.broken)
    );
    return result.broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
