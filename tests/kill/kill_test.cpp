#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <thread>

#include "kinds.hpp"
#include "old_files.hpp"
#include "rounds.hpp"
#include "support/bookstore_process.hpp"
#include "support/context_names.hpp"
#include "support/sqlite_reader.hpp"
#include "verdict.hpp"
#include "victim.hpp"
#include "workload.hpp"

// The real binary is killed (SIGKILL) at random moments, and in the middle of all that it does
// besides serving, while clients use it, and started again on the same directory. In the end it
// settles, and what it ever promised must be true.

namespace bookstore::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kills_a_round = 4;
constexpr unsigned clients = 4;
constexpr std::int64_t most_load_ms = 400;  ///< that clients use it before
constexpr std::int64_t most_start_ms = 60;  ///< from start to kill, to strike before it is open
constexpr std::int64_t most_wait_ms = 40;   ///< from a request, or a signal, to kill
constexpr std::int64_t most_rebuild_ms = 10;
constexpr std::int64_t most_backup_ms = 300;  ///< some are whole
constexpr int killed = 128 + SIGKILL;
constexpr auto opens_at_most = std::chrono::seconds(60);
constexpr auto settle_at_most = std::chrono::seconds(90);

/// How often each kind was played, and how often it struck in the middle of that.
struct Count {
    std::int64_t kills = 0;
    std::int64_t in_the_middle = 0;
};
using Counts = std::map<Kind, Count>;

class Round {
  public:
    Round(std::string data_dir, std::uint64_t seed, Counts& counts)
        : data_dir_(std::move(data_dir)), seed_(seed), chance_(seed), counts_(counts) {}

    /// What is wrong in the end; empty when nothing is.
    std::vector<std::string> run() {
        try {
            if (below(2) == 0) {
                make_old_files(data_dir_);
            }
            die_at_start(Kind::migration);
            for (life_ = 1; life_ < kills_a_round; ++life_) {
                live_and_die(kind_of_life());
            }
            settle();
            auto faults = faults_in({data_dir_}, workload_.promises());
            std::ranges::move(faults_in_backups(), std::back_inserter(faults));
            return faults;
        } catch (const std::exception& error) {
            return {error.what()};
        }
    }

    const Promises& promises() const { return workload_.promises(); }
    /// The kinds of its kills, in order.
    const std::string& story() const { return story_; }

  private:
    std::int64_t below(std::int64_t bound) { return chance_.below(bound); }
    void sleep_up_to(std::int64_t most_ms) { chance_.sleep_up_to(most_ms); }

    Kind kind_of_life() {
        static constexpr Kind kinds[] = {
            Kind::load,
            Kind::recovery,
            Kind::rebuild,
            Kind::shutdown,
            Kind::backup,
            Kind::module_stop
        };
        return kinds[below(6)];
    }

    /// Sometimes a context rests: orders then wait to be verified.
    std::vector<std::string> some_flags() {
        auto result = flags_of_victims();
        static constexpr const char* contexts[] = {
            "customer", "inventory", "payment", "van", "delivery", "payment_history"
        };
        if (below(6) == 0) {
            result.insert(result.end(), {"--stopped", contexts[below(6)]});
        }
        return result;
    }

    void count(Kind kind, bool in_the_middle) {
        Count& count = counts_[kind];
        ++count.kills;
        count.in_the_middle += in_the_middle;
        story_ += fmt::format("{}{}", story_.empty() ? "" : ", ", name_of(kind));
    }

    /// Killed so early that as a rule it has not printed its address.
    void die_at_start(Kind kind) {
        Victim victim(data_dir_, flags_of_victims());
        const auto end = Clock::now() + milliseconds(below(most_start_ms + 1));
        const bool open = victim.url_until(end).has_value();
        std::this_thread::sleep_until(end);
        victim.kill();
        count(kind, !open);
    }

    void live_and_die(Kind wanted) {
        Victim victim(data_dir_, some_flags());
        const auto url = victim.url_until(Clock::now() + opens_at_most);
        if (!url) {
            throw std::runtime_error("the bookstore does not start any more");
        }
        const Kind kind = offers(*url, wanted) ? wanted : Kind::load;
        std::atomic<bool> over = false;
        const std::jthread load([this, &over, url = *url] {
            const auto seed = seed_ * 100 + static_cast<unsigned>(life_);
            workload_.run(url, seed, clients, over);
        });
        sleep_up_to(most_load_ms);
        const bool in_the_middle = begin(kind, *url, victim);
        if (const int status = victim.kill(); status != 0 && status != killed) {
            workload_.broke(fmt::format("killed in {}, it ended with {}", name_of(kind), status));
        }
        over = true;
        if (kind == Kind::recovery) {
            die_at_start(kind);
        } else if (kind == Kind::rebuild) {
            count(kind, rebuild_is_unfinished());
        } else {
            count(kind, in_the_middle);
        }
    }

    /// Has this binary the operation? Asked once.
    static bool offers(const std::string& url, Kind kind) {
        static const std::string operations =
            http::fetch(http::Method::get, http::parse_url(url + "/openapi.json")).body;
        const auto has = [](const char* path) {
            return operations.find(path) != std::string::npos;
        };
        return kind == Kind::backup        ? has("\"/backups\"")
               : kind == Kind::module_stop ? has("\"/modules/{name}/stop\"")
                                           : true;
    }

    /// A half-built set has its own cursor.
    bool rebuild_is_unfinished() const {
        std::int64_t cursors = 0;
        for (const std::string file : {"customer.db", "payment_history.db"}) {
            Sqlite(data_dir_ + "/" + file)
                .rows(
                    "SELECT count(*) FROM subscription WHERE name LIKE '%.rebuild'",
                    [&](const Sqlite::Row& row) { cursors += row.integer(0); }
                );
        }
        return cursors > 0;
    }

    /// Has it begin what it is to be killed in, and waits for a moment. Is it still at it?
    bool begin(Kind kind, const std::string& url, Victim& victim) {
        switch (kind) {
            case Kind::rebuild:
                begin_rebuild(url);
                return true;
            case Kind::backup:
                return begin_backup(url);
            case Kind::module_stop:
                return stop_and_start(url);
            case Kind::shutdown:
                victim.signal_end();
                sleep_up_to(most_wait_ms);
                return !victim.has_ended();
            case Kind::load:
            case Kind::recovery:
            case Kind::migration:
                return true;
        }
        return true;
    }

    void begin_rebuild(const std::string& url) {
        const std::string target =
            below(2) == 0 ? "/rebuilds/my-page" : "/rebuilds/payment-history";
        senders_.emplace_back([this, url, target] { ask(url, target, {}); });
        sleep_up_to(most_rebuild_ms);
    }

    bool begin_backup(const std::string& url) {
        const std::string directory = fmt::format("{}.backup-{}", data_dir_, life_);
        auto whole = std::make_shared<std::atomic<bool>>(false);
        senders_.emplace_back([this, url, directory, whole] {
            const std::string body = fmt::format(R"({{"directory":"{}"}})", directory);
            if (ask(url, "/backups", body) == 200) {
                *whole = true;
            }
        });
        sleep_up_to(most_backup_ms);
        backups_.emplace_back(directory, whole);
        return !*whole;
    }

    /// What was answered with 200 must be whole.
    std::vector<std::string> faults_in_backups() const {
        std::vector<std::string> faults;
        for (const auto& [directory, whole] : backups_) {
            if (!*whole) {
                continue;
            }
            const auto checked = run_bookstore({"check", "--data-dir", directory});
            if (checked.status != 0) {
                faults.push_back(
                    fmt::format("the backup {}: {}{}", directory, checked.out, checked.error)
                );
            }
        }
        return faults;
    }

    bool stop_and_start(const std::string& url) {
        const auto which = below(std::ssize(context_names));
        const std::string module =
            fmt::format("/modules/{}/", context_names[static_cast<std::size_t>(which)]);
        const bool started_again = below(2) == 0;
        const std::int64_t stopped_ms = below(100);
        auto answered = std::make_shared<std::atomic<bool>>(false);
        senders_.emplace_back([this, url, module, started_again, stopped_ms, answered] {
            ask(url, module + "stop", {});
            if (started_again) {
                std::this_thread::sleep_for(milliseconds(stopped_ms));
                ask(url, module + "start", {});
            }
            *answered = true;
        });
        sleep_up_to(started_again ? stopped_ms + most_wait_ms : most_wait_ms);
        return !*answered;
    }

    /// An operator's request; the status, 0 when it was killed before the answer.
    int ask(const std::string& url, const std::string& target, const std::string& body) {
        try {
            std::vector<http::Header> headers;
            if (!body.empty()) {
                headers.push_back({"Content-Type", "application/json"});
            }
            const auto answer =
                http::fetch(http::Method::post, http::parse_url(url + target), body, headers);
            const int status = answer.status;
            if (status >= 500 && status != 503) {
                workload_.broke(fmt::format("POST {}: {} {}", target, status, answer.body));
            }
            return status;
        } catch (const std::system_error&) {
            return 0;
        }
    }

    void settle() {
        senders_.clear();
        Victim last(data_dir_, flags_of_victims());
        if (!last.url_until(Clock::now() + opens_at_most)) {
            throw std::runtime_error("the bookstore does not start any more");
        }
        // What does not come to rest is told in detail by the verdict.
        eventually([this] { return at_rest({data_dir_}); }, settle_at_most);
        if (const int status = last.stop(); status != 0) {
            throw std::runtime_error(fmt::format("the bookstore ended with {}", status));
        }
    }

    std::string data_dir_;
    std::uint64_t seed_;
    Chance chance_;
    Counts& counts_;
    Workload workload_;
    int life_ = 0;
    std::string story_;
    std::vector<std::pair<std::string, std::shared_ptr<std::atomic<bool>>>> backups_;
    std::vector<std::jthread> senders_;  ///< the first to go
};

RoundEnd play(const std::string& directory, std::uint64_t seed, Counts& counts) {
    Round round(directory + "/data", seed, counts);
    auto faults = round.run();
    const Promises& promises = round.promises();
    return {
        fmt::format(
            "killed in {}; {} answers, {}", round.story(), promises.answers, tallies_of(promises)
        ),
        std::move(faults)
    };
}

void print_counts(const Counts& counts) {
    for (const auto& [kind, count] : counts) {
        fmt::print(
            "{:>12}: {} kills, {} in the middle of it\n",
            name_of(kind),
            count.kills,
            count.in_the_middle
        );
    }
}

}  // namespace
}  // namespace bookstore::test

int main(int argc, char** argv) {
    using namespace bookstore::test;
    Counts counts;
    return play_rounds(
        {.about = "Kills the bookstore in all that it does and looks whether it kept its promises",
         .name = "kill",
         .soak = "scripts/soak",
         .usual = 20,
         .rounds_variable = "BOOKSTORE_KILL_ROUNDS",
         .play = [&counts](
                     const std::string& directory, std::uint64_t seed
                 ) { return play(directory, seed, counts); },
         .after = [&counts] { print_counts(counts); }},
        argc,
        argv
    );
}
