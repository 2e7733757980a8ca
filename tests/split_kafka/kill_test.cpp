#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kill/rounds.hpp"
#include "kill/verdict.hpp"
#include "kill/workload.hpp"
#include "support/eventually.hpp"
#include "support/kafka_shop.hpp"

// A bookstore in several processes over a real Kafka, behind the real gateway, is struck while
// clients use it: any process, the broker or the gateway is killed and started again, or stands
// still for a while. In the end it settles, and what it ever promised must be true in the files of
// all processes.

namespace bookstore::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr unsigned clients = 4;
constexpr std::int64_t most_load_ms = 1500;  ///< that clients use it before, and after
constexpr std::int64_t most_gone_ms = 500;   ///< from a kill to the start
constexpr std::int64_t most_still_ms = 3000;
constexpr std::int64_t long_still_ms = 20'000;  ///< beyond every time-out between processes
constexpr std::size_t most_shown = 40;
constexpr auto settle_at_most = std::chrono::seconds(150);

class Round {
  public:
    Round(std::string directory, std::uint64_t seed)
        : directory_(std::move(directory)), seed_(seed), chance_(seed) {}

    /// What is wrong in the end; empty when nothing is.
    std::vector<std::string> run() {
        try {
            const std::string form = seed_ % 2 == 0 ? "seven" : "two";  // both, of any two rounds
            story_ = form + ": ";
            KafkaShop shop(
                form_of(form),
                {.flags = flags_of_victims(),
                 .gateway = {.operators = true},
                 .broker = &shared_broker(),
                 .kept = directory_}
            );
            use_and_strike(shop);
            settle(shop);
            auto faults = faults_in(shop.data_dirs(), workload_.promises());
            std::ranges::move(compare_with_kafka(shop), std::back_inserter(faults));
            return faults;
        } catch (const std::exception& error) {
            return {error.what()};
        }
    }

    const Promises& promises() const { return workload_.promises(); }
    /// The form, and what was struck how.
    const std::string& story() const { return story_; }

  private:
    std::int64_t below(std::int64_t bound) { return chance_.below(bound); }
    void sleep_up_to(std::int64_t most_ms) { chance_.sleep_up_to(most_ms); }

    void use_and_strike(KafkaShop& shop) {
        std::atomic<bool> over = false;
        const std::string url = shop.url();
        std::jthread load([&] { workload_.run(url, seed_, clients, over); });
        try {
            sleep_up_to(most_load_ms);
            strike(shop);
            sleep_up_to(most_load_ms);
        } catch (...) {
            over = true;
            throw;
        }
        over = true;
    }

    void strike(KafkaShop& shop) {
        switch (below(5)) {
            case 0:
                strike("the broker", shop.broker());
                return;
            case 1:
                strike("the gateway", shop.gateway());
                return;
            default:
                break;
        }
        struct Process {
            KafkaShop& shop;
            std::size_t place;
            void kill() { shop.kill(place); }
            void start() { shop.start(place); }
            void freeze() { shop.freeze(place); }
            void thaw() { shop.thaw(place); }
        };
        const auto place = static_cast<std::size_t>(below(std::ssize(shop.data_dirs())));
        Process process{shop, place};
        strike(shop.contexts_at(place), process);
    }

    template <class Victim>
    void strike(const std::string& name, Victim& victim) {
        if (below(2) == 0) {
            story_ += "killed " + name;
            victim.kill();
            sleep_up_to(most_gone_ms);
            victim.start();
            return;
        }
        const std::int64_t ms = below(6) == 0 ? long_still_ms : 1 + below(most_still_ms);
        story_ += fmt::format("stopped {} for {} ms", name, ms);
        victim.freeze();
        std::this_thread::sleep_for(milliseconds(ms));
        victim.thaw();
    }

    /// Each log is the beginning of what Kafka has.
    static std::vector<std::string> compare_with_kafka(KafkaShop& shop) {
        std::vector<std::string> faults;
        for (const std::string& directory : shop.data_dirs()) {
            try {
                run_topic(shop.broker(), shop.topic(), "verify", {"--data-dir", directory});
            } catch (const std::runtime_error& error) {
                faults.emplace_back(error.what());
            }
        }
        return faults;
    }

    void settle(KafkaShop& shop) {
        shop.wait_until_ready();
        const auto directories = shop.data_dirs();
        // What does not come to rest is told in detail by the verdict.
        eventually([&] { return at_rest(directories); }, settle_at_most);
        shop.stop_all();
    }

    std::string directory_;
    std::uint64_t seed_;
    Chance chance_;
    Workload workload_{Workload::Disk::has_room, Workload::Way::gateway};
    std::string story_;
};

RoundEnd play(const std::string& directory, std::uint64_t seed) {
    Round round(directory, seed);
    auto faults = round.run();
    const Promises& promises = round.promises();
    return {
        fmt::format(
            "{}; {} answers ({} 503, {} 502 and 504), {} cut off, {}",
            round.story(),
            promises.answers,
            promises.refused,
            promises.lost,
            promises.cut,
            tallies_of(promises)
        ),
        std::move(faults)
    };
}

}  // namespace
}  // namespace bookstore::test

int main(int argc, char** argv) {
    using namespace bookstore::test;
    return play_rounds(
        {.about = "Strikes a bookstore of several processes and looks whether it kept its promises",
         .name = "split",
         .soak = "scripts/soak --split",
         .rounds_variable = "BOOKSTORE_SPLIT_ROUNDS",
         .seed_variable = "BOOKSTORE_SPLIT_SEED",
         .before = [] { shared_broker(); },
         .play = play,
         .most_faults_shown = most_shown},
        argc,
        argv
    );
}
