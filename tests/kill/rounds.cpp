#include "kill/rounds.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace bookstore::test {
namespace {

using Clock = std::chrono::steady_clock;

std::string new_directory(const std::string& name) {
    const auto pattern = fmt::format("bookstore-{}-XXXXXX", name);
    std::string path = (std::filesystem::temp_directory_path() / pattern).string();
    if (mkdtemp(path.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary directory");
    }
    return path;
}

bool play_one(const Rounds& rounds, std::uint64_t seed) {
    const std::string directory = new_directory(rounds.name);
    const auto begin = Clock::now();
    const RoundEnd end = rounds.play(directory, seed);
    fmt::print(
        "seed {}: {:.1f} s, {}: {}\n",
        seed,
        std::chrono::duration<double>(Clock::now() - begin).count(),
        end.told,
        end.faults.empty() ? "ok" : "FAILED"
    );
    for (std::size_t i = 0; i < std::min(end.faults.size(), rounds.most_faults_shown); ++i) {
        fmt::print("    {}\n", end.faults[i]);
    }
    if (end.faults.size() > rounds.most_faults_shown) {
        fmt::print("    ... {} in all\n", end.faults.size());
    }
    if (end.faults.empty()) {
        std::filesystem::remove_all(directory);
    } else {
        fmt::print("    kept in {}; again: {} 1 --seed {}\n", directory, rounds.soak, seed);
    }
    std::fflush(stdout);
    return end.faults.empty();
}

}  // namespace

void Chance::sleep_up_to(std::int64_t most_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(below(most_ms + 1)));
}

std::vector<std::string> flags_of_victims() {
    return {
        "--log-level",
        "warning",
        "--van-hang",
        "300",
        "--breaker-timeout",
        "150",
        "--breaker-sleep-window",
        "300"
    };
}

std::string tallies_of(const Promises& promises) {
    return fmt::format(
        "{} orders, {} keys, {} canceled, {} stock inputs",
        promises.orders.size(),
        promises.keyed.size(),
        promises.canceled.size(),
        promises.stock_inputs.size()
    );
}

int play_rounds(const Rounds& rounds, int argc, char** argv) {
    std::int64_t count = rounds.usual;
    std::uint64_t seed = std::random_device{}();
    CLI::App app(rounds.about);
    app.add_option("--rounds", count)->envname(rounds.rounds_variable)->check(CLI::PositiveNumber);
    app.add_option("--seed", seed, "Of the first round; the next have the next ones")
        ->envname(rounds.seed_variable);
    CLI11_PARSE(app, argc, argv);
    if (rounds.before) {
        rounds.before();
    }
    const auto begin = Clock::now();
    std::vector<std::uint64_t> failed;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint64_t of_round = seed + static_cast<std::uint64_t>(i);
        if (!play_one(rounds, of_round)) {
            failed.push_back(of_round);
        }
    }
    if (rounds.after) {
        rounds.after();
    }
    const double minutes = std::chrono::duration<double>(Clock::now() - begin).count() / 60;
    fmt::print(
        "{} of {} rounds failed, {:.1f} rounds a minute, seeds {} to {}\n",
        failed.size(),
        count,
        static_cast<double>(count) / minutes,
        seed,
        seed + static_cast<std::uint64_t>(count) - 1
    );
    for (const std::uint64_t one : failed) {
        fmt::print("failed: {} 1 --seed {}\n", rounds.soak, one);
    }
    return failed.empty() ? 0 : 1;
}

}  // namespace bookstore::test
