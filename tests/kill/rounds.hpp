#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kill/verdict.hpp"

namespace bookstore::test {

/// The chance of one round: the same seed gives the same.
class Chance {
  public:
    explicit Chance(std::uint64_t seed) : random_(seed) {}

    /// Uniform in [0, bound); bound > 0.
    std::int64_t below(std::int64_t bound) {
        return std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_);
    }
    void sleep_up_to(std::int64_t most_ms);

  private:
    std::mt19937_64 random_;
};

/// How the bookstore is started that is struck: VAN's network hangs for 300 ms over amount 0, and
/// its breaker opens and closes now and then.
std::vector<std::string> flags_of_victims();

/// "12 orders, 3 keys, ...": what clients were promised.
std::string tallies_of(const Promises& promises);

/// What a round came to.
struct RoundEnd {
    std::string told;                 ///< what was done, and how much
    std::vector<std::string> faults;  ///< what is wrong in the end; empty when nothing is
};

/// A program that plays rounds, each of a seed and in a directory of its own, which goes unless the
/// round failed.
struct Rounds {
    std::string about;               ///< what the program does
    std::string name;                ///< of its directories: "kill"
    std::string soak;                ///< the command that plays a round again: "scripts/soak"
    std::int64_t usual = 10;         ///< how many
    std::string rounds_variable{};   ///< of the environment
    std::string seed_variable{};     ///< the same; empty: none
    std::function<void()> before{};  ///< the first one, when the command line was right
    std::function<RoundEnd(const std::string& directory, std::uint64_t seed)> play;
    std::function<void()> after{};  ///< all of them: prints more
    std::size_t most_faults_shown = std::numeric_limits<std::size_t>::max();
};

/// Its main(): prints a line a round, and how to play one that failed again.
int play_rounds(const Rounds& rounds, int argc, char** argv);

}  // namespace bookstore::test
