#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>

#include "support/bookstore_process.hpp"
#include "verdict.hpp"
#include "victim.hpp"
#include "workload.hpp"

// The real binary is killed (SIGKILL) at random moments while clients use it, and started again on
// the same directory. In the end it settles, and what it ever promised must be true.

namespace bookstore::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kills_a_round = 6;
constexpr unsigned clients = 4;
constexpr std::int64_t most_ms = 1500;  ///< from start to kill
constexpr auto settle_at_most = std::chrono::seconds(60);

/// VAN's network hangs for 300 ms over amount 0, and its breaker opens and closes now and then.
std::vector<std::string> flags() {
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

class Round {
  public:
    Round(std::string data_dir, std::uint64_t seed)
        : data_dir_(std::move(data_dir)), seed_(seed), random_(seed) {}

    /// What is wrong in the end; empty when nothing is.
    std::vector<std::string> run() {
        try {
            for (int i = 0; i < kills_a_round; ++i) {
                live_and_die(i);
            }
            settle();
            return faults_in(data_dir_, workload_.promises());
        } catch (const std::exception& error) {
            return {error.what()};
        }
    }

    const Promises& promises() const { return workload_.promises(); }

  private:
    std::int64_t below(std::int64_t bound) {
        return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_);
    }

    /// Sometimes a context rests: orders then wait to be verified.
    std::vector<std::string> some_flags() {
        auto result = flags();
        static constexpr const char* contexts[] = {
            "customer", "inventory", "payment", "van", "delivery", "payment_history"
        };
        if (below(3) == 0) {
            result.insert(result.end(), {"--stopped", contexts[below(6)]});
        }
        return result;
    }

    void live_and_die(int life) {
        const auto end = Clock::now() + std::chrono::milliseconds(below(most_ms + 1));
        Victim victim(data_dir_, some_flags());
        std::atomic<bool> over = false;
        std::jthread load;
        if (const auto url = victim.url_until(end)) {
            load = std::jthread([this, life, &over, url = *url] {
                workload_.run(url, seed_ * 100 + static_cast<unsigned>(life), clients, over);
            });
        }
        std::this_thread::sleep_until(end);
        victim.kill();
        over = true;
    }

    void settle() {
        Victim last(data_dir_, flags());
        if (!last.url_until(Clock::now() + settle_at_most)) {
            throw std::runtime_error("the bookstore does not start any more");
        }
        // What does not come to rest is told in detail by the verdict.
        eventually([this] { return at_rest(data_dir_); }, settle_at_most);
        if (const int status = last.stop(); status != 0) {
            throw std::runtime_error(fmt::format("the bookstore ended with {}", status));
        }
    }

    std::string data_dir_;
    std::uint64_t seed_;
    std::mt19937_64 random_;
    Workload workload_;
};

std::string new_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "bookstore-kill-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary directory");
    }
    return path;
}

bool run_round(std::uint64_t seed) {
    const std::string directory = new_directory();
    Round round(directory + "/data", seed);
    const auto faults = round.run();
    const Promises& promises = round.promises();
    fmt::print(
        "seed {}: {} answers, {} orders, {} keys, {} canceled, {} stock inputs: {}\n",
        seed,
        promises.answers,
        promises.orders.size(),
        promises.keyed.size(),
        promises.canceled.size(),
        promises.stock_inputs.size(),
        faults.empty() ? "ok" : "FAILED"
    );
    for (const std::string& fault : faults) {
        fmt::print("    {}\n", fault);
    }
    if (faults.empty()) {
        std::filesystem::remove_all(directory);
    } else {
        fmt::print("    kept in {}; again: kill_test --rounds 1 --seed {}\n", directory, seed);
    }
    std::fflush(stdout);
    return faults.empty();
}

int run(int argc, char** argv) {
    std::int64_t rounds = 20;
    std::uint64_t seed = std::random_device{}();
    CLI::App app("Kills the bookstore under load and looks whether it kept its promises");
    app.add_option("--rounds", rounds)
        ->envname("BOOKSTORE_KILL_ROUNDS")
        ->check(CLI::PositiveNumber);
    app.add_option("--seed", seed, "Of the first round; the next have the next ones");
    CLI11_PARSE(app, argc, argv);
    std::int64_t failed = 0;
    for (std::int64_t i = 0; i < rounds; ++i) {
        failed += run_round(seed + static_cast<std::uint64_t>(i)) ? 0 : 1;
    }
    fmt::print("{} of {} rounds failed\n", failed, rounds);
    return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace bookstore::test

int main(int argc, char** argv) {
    return bookstore::test::run(argc, argv);
}
