#include "support/kafka_shop.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>
#include <utility>

#include "support/context_names.hpp"
#include "support/eventually.hpp"
#include "support/freeze.hpp"
#include "support/text_file.hpp"

namespace bookstore::test {
namespace {

constexpr int skipped = 77;
constexpr std::size_t spare_ports = 3;  ///< for places that are added
constexpr auto ready_at_most = std::chrono::seconds(90);

std::vector<std::string> words_of(const std::string& list) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < list.size();) {
        const auto end = std::min(list.find(',', begin), list.size());
        words.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

bool hosts(const std::string& contexts, const std::string& context) {
    const auto words = words_of(contexts);
    return std::ranges::find(words, context) != words.end();
}

/// The shipped upstreams have the names of the original's services.
std::string upstream_of(const std::string& context) {
    return context == "inventory"         ? "book"
           : context == "payment_history" ? "paymenthistory"
                                          : context;
}

std::string new_topic_name() {
    static std::atomic<int> number{0};
    return fmt::format("shop-{}-{}", ::getpid(), ++number);
}

/// Those of --stopped that are hosted there: a process refuses others.
std::vector<std::string> flags_at(
    const std::vector<std::string>& all, const std::string& contexts
) {
    std::vector<std::string> flags;
    for (auto flag = all.begin(); flag != all.end(); ++flag) {
        if (*flag != "--stopped" || flag + 1 == all.end()) {
            flags.push_back(*flag);
            continue;
        }
        std::vector<std::string> rest = words_of(*++flag);
        std::erase_if(rest, [&](const std::string& name) { return !hosts(contexts, name); });
        if (!rest.empty()) {
            flags.insert(flags.end(), {"--stopped", fmt::format("{}", fmt::join(rest, ","))});
        }
    }
    return flags;
}

}  // namespace

Form form_of(const std::string& name) {
    if (name == "seven") {
        return context_names;
    }
    if (name == "two") {
        return {"customer,inventory,order", "delivery,payment,payment_history,van"};
    }
    throw std::runtime_error("there is no form " + name);
}

Broker& shared_broker() {
    static Broker* const broker = [] {
        const auto finds = [](const std::string& name) {
            return run_program({"/bin/sh", "-c", "PATH=$PATH:/usr/sbin command -v " + name})
                       .status == 0;
        };
        if (!finds("java") || !finds("nginx")) {
            fmt::print("skipped: a split needs Java (for Kafka) and nginx\n");
            std::fflush(stdout);
            std::_Exit(skipped);
        }
        static Broker the_one;
        return &the_one;
    }();
    return *broker;
}

Finished run_topic(
    const Broker& broker,
    const std::string& topic,
    const std::string& part,
    const std::vector<std::string>& arguments
) {
    std::vector<std::string> words{
        "topic", part, "--kafka", broker.address(), "--kafka-topic", topic
    };
    words.insert(words.end(), arguments.begin(), arguments.end());
    Finished finished = run_bookstore(words);
    if (finished.status != 0) {
        throw std::runtime_error(
            fmt::format("bookstore {}: {}", fmt::join(words, " "), finished.error)
        );
    }
    return finished;
}

KafkaShop::KafkaShop(Form form, KafkaShopOptions options)
    : options_(std::move(options)),
      files_(options_.kept.empty() ? std::make_unique<TemporaryDirectory>() : nullptr),
      own_broker_(options_.broker == nullptr ? std::make_unique<Broker>() : nullptr),
      broker_(own_broker_ ? own_broker_.get() : options_.broker),
      topic_(options_.topic),
      ports_(form.size() + spare_ports) {
    if (topic_.empty()) {
        topic_ = new_topic_name();
        run_topic(*broker_, topic_, "create");
    }
    for (const std::string& contexts : form) {
        add_place(contexts);
    }
    gateway_ = std::make_unique<Gateway>(gateway_ports(), options_.gateway);
    if (options_.starts) {
        start_all();
    }
}

std::size_t KafkaShop::add_place(const std::string& contexts) {
    const std::string root = files_ ? files_->path() : options_.kept;
    std::string directory = fmt::format("{}/{}", root, places_.size());
    std::filesystem::create_directories(directory);
    places_.push_back(
        {.contexts = contexts,
         .port = ports_.at(places_.size()),
         .data_dir = std::move(directory),
         .process = nullptr}
    );
    return places_.size() - 1;
}

// ---- who hosts what

std::string KafkaShop::url_of(std::size_t place) const {
    return fmt::format("http://127.0.0.1:{}", places_[place].port);
}

std::size_t KafkaShop::place_of(const std::string& context) const {
    const auto found = std::ranges::find_if(places_, [&context](const Place& place) {
        return hosts(place.contexts, context);
    });
    if (found == places_.end()) {
        throw std::runtime_error("nobody hosts " + context);
    }
    return static_cast<std::size_t>(found - places_.begin());
}

std::vector<std::string> KafkaShop::data_dirs() const {
    std::vector<std::string> all;
    for (const Place& place : places_) {
        all.push_back(place.data_dir);
    }
    return all;
}

void KafkaShop::host(std::size_t place, const std::string& contexts) {
    places_[place].contexts = contexts;
}

GatewayPorts KafkaShop::gateway_ports() const {
    GatewayPorts ports;
    for (const std::string& context : context_names) {
        ports.emplace(upstream_of(context), places_[place_of(context)].port);
    }
    return ports;
}

void KafkaShop::reroute() {
    gateway_->reload(gateway_ports());
}

std::vector<std::string> KafkaShop::flags_of(std::size_t place) const {
    const std::string& contexts = places_[place].contexts;
    std::vector<std::string> peers;
    for (std::size_t other = 0; other < places_.size(); ++other) {
        if (!places_[other].contexts.empty()) {
            peers.push_back(url_of(other));
        }
    }
    std::vector<std::string> flags{
        "--listen",
        fmt::format("127.0.0.1:{}", places_[place].port),
        "--modules",
        contexts,
        "--kafka",
        broker_->address(),
        "--kafka-topic",
        topic_,
        "--peers",
        fmt::format("{}", fmt::join(peers, ",")),
        "--peer-timeout",
        options_.peer_ms,
        "--trusted-proxy",
        "127.0.0.1"
    };
    const auto tell = [&](const std::string& who, const std::string& needs, const char* flag) {
        if (hosts(contexts, who) && !hosts(contexts, needs)) {
            flags.insert(flags.end(), {flag, url_of(place_of(needs))});
        }
    };
    tell("order", "customer", "--customer-url");
    tell("order", "inventory", "--inventory-url");
    tell("payment", "van", "--van-url");
    for (std::string& flag : flags_at(options_.flags, contexts)) {
        flags.push_back(std::move(flag));
    }
    return flags;
}

// ---- processes

void KafkaShop::start(std::size_t place) {
    places_[place].process =
        std::make_unique<BookstoreProcess>(places_[place].data_dir, flags_of(place));
}

std::string KafkaShop::log_of(std::size_t place) const {
    const Place& its = places_[place];
    return text_of_file(its.data_dir + ".log") + (its.process ? its.process->log() : "");
}

/// Its log stays.
void KafkaShop::forget(Place& place) const {
    std::ofstream(place.data_dir + ".log", std::ios::app) << place.process->log();
    place.process.reset();
}

void KafkaShop::stop(std::size_t place) {
    BookstoreProcess& process = *places_[place].process;
    process.signal(SIGTERM);
    const int status = process.wait();
    if (status != 0) {
        throw std::runtime_error(
            fmt::format("{} ended with {}: {}", places_[place].contexts, status, process.log())
        );
    }
    forget(places_[place]);
}

void KafkaShop::kill(std::size_t place) {
    places_[place].process->kill();
    forget(places_[place]);
}

void KafkaShop::freeze(std::size_t place) {
    test::freeze(places_[place].process->pid());
}

void KafkaShop::thaw(std::size_t place) {
    places_[place].process->signal(SIGCONT);
}

/// Side by side.
void KafkaShop::each(
    const std::function<bool(const Place&)>& which, void (KafkaShop::*act)(std::size_t)
) {
    std::vector<std::future<void>> acts;
    for (std::size_t place = 0; place < places_.size(); ++place) {
        if (which(places_[place])) {
            acts.push_back(std::async(std::launch::async, [this, act, place] {
                (this->*act)(place);
            }));
        }
    }
    for (std::future<void>& done : acts) {
        done.wait();
    }
    for (std::future<void>& done : acts) {
        done.get();
    }
}

void KafkaShop::start_all() {
    each(
        [](const Place& place) { return !place.contexts.empty() && !place.process; },
        &KafkaShop::start
    );
    wait_until_ready();
}

void KafkaShop::stop_all() {
    each([](const Place& place) { return place.process != nullptr; }, &KafkaShop::stop);
}

void KafkaShop::kill_all() {
    each([](const Place& place) { return place.process != nullptr; }, &KafkaShop::kill);
}

void KafkaShop::wait_until_ready() {
    for (std::size_t place = 0; place < places_.size(); ++place) {
        if (!runs(place)) {
            continue;
        }
        std::string said;
        const bool ready = eventually(
            [&] {
                const auto answer = process(place).get("/isReady");
                said = answer.body;
                return answer.status == 200;
            },
            ready_at_most
        );
        if (!ready) {
            throw std::runtime_error(fmt::format(
                "{} does not get ready: {}\n{}", places_[place].contexts, said, log_of(place)
            ));
        }
    }
}

// ---- what is there

Finished KafkaShop::check() const {
    std::vector<std::string> words{"check"};
    for (const std::string& directory : data_dirs()) {
        words.insert(words.end(), {"--data-dir", directory});
    }
    return run_bookstore(words);
}

std::string KafkaShop::events_of(std::size_t place) const {
    const Finished printed = run_bookstore({"events", "--from-beginning", "--url", url_of(place)});
    return printed.status == 0 ? printed.out : printed.error;
}

std::string KafkaShop::console_consumer(std::size_t count) const {
    return broker_->console_consumer(topic_, static_cast<int>(count));
}

}  // namespace bookstore::test
