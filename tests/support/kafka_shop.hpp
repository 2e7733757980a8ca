#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/bookstore_process.hpp"
#include "support/broker.hpp"
#include "support/free_ports.hpp"
#include "support/gateway.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {

/// Which contexts each process hosts, by comma.
using Form = std::vector<std::string>;

/// "seven": a process a context; "two": customer, inventory, order and the other four. Throws when
/// there is no such form.
Form form_of(const std::string& name);

struct KafkaShopOptions {
    std::vector<std::string> flags{};  ///< of every process; --stopped: of who hosts them
    GatewayOptions gateway{};
    Broker* broker = nullptr;  ///< null: one of its own
    std::string topic{};       ///< empty: a new one, created with the bookstore's own command
    bool starts = true;        ///< all, and waits until they are ready
    std::string peer_ms{"1000"};
    std::string kept{};  ///< a directory for all files, which stays; empty: one that goes
};

/// A bookstore in several processes, each with a data directory of its own, whose events cross a
/// real Kafka, behind the real gateway with the configuration that is shipped. Nothing is left of
/// it when it goes, or when the test dies.
class KafkaShop {
  public:
    explicit KafkaShop(Form form, KafkaShopOptions options = {});

    /// The gateway's: "http://127.0.0.1:PORT".
    std::string url() const { return gateway_->url(); }
    std::string url_of(std::size_t place) const;
    const std::string& topic() const { return topic_; }
    Broker& broker() { return *broker_; }
    Gateway& gateway() { return *gateway_; }

    /// Places of processes, also of those that do not run.
    std::size_t size() const { return places_.size(); }
    /// By comma.
    const std::string& contexts_at(std::size_t place) const { return places_[place].contexts; }
    /// Where that context is hosted.
    std::size_t place_of(const std::string& context) const;
    const std::string& data_dir(std::size_t place) const { return places_[place].data_dir; }
    /// Of all places.
    std::vector<std::string> data_dirs() const;
    bool runs(std::size_t place) const { return places_[place].process != nullptr; }
    BookstoreProcess& process(std::size_t place) { return *places_[place].process; }
    /// What all lives of that process wrote to standard error.
    std::string log_of(std::size_t place) const;

    /// The flags of who is started from now on.
    void set_flags(std::vector<std::string> flags) { options_.flags = std::move(flags); }
    /// The topic of who is started from now on.
    void set_topic(std::string topic) { topic_ = std::move(topic); }
    /// What a process there hosts from its next start on. Then reroute().
    void host(std::size_t place, const std::string& contexts);
    /// One more place, with a directory and a port of its own.
    std::size_t add_place(const std::string& contexts);
    /// Has the gateway ask who hosts what now.
    void reroute();

    /// Returns when it serves; with a broker that is away it is not ready then.
    void start(std::size_t place);
    /// SIGTERM; the exit status must be 0.
    void stop(std::size_t place);
    void kill(std::size_t place);
    void freeze(std::size_t place);
    void thaw(std::size_t place);

    /// Those that do not run, side by side, and waits until all are ready.
    void start_all();
    /// Those that run, side by side.
    void stop_all();
    void kill_all();
    /// Throws with its log when one of them does not get ready.
    void wait_until_ready();

    /// What `serve` is told there: without the program.
    std::vector<std::string> flags_of(std::size_t place) const;
    /// `bookstore check` over all directories; those who hold one must have stopped.
    Finished check() const;
    /// What `bookstore events` prints of a process that runs.
    std::string events_of(std::size_t place) const;
    /// What Kafka's console consumer prints of the first `count` records.
    std::string console_consumer(std::size_t count) const;

  private:
    struct Place {
        std::string contexts;  ///< empty: none
        std::uint16_t port = 0;
        std::string data_dir;
        std::unique_ptr<BookstoreProcess> process{};
    };

    std::string host_url(const std::string& context) const;
    GatewayPorts gateway_ports() const;
    void forget(Place& place) const;
    void each(const std::function<bool(const Place&)>& which, void (KafkaShop::*act)(std::size_t));

    KafkaShopOptions options_;
    std::unique_ptr<TemporaryDirectory> files_;
    std::unique_ptr<Broker> own_broker_;
    Broker* broker_;
    std::string topic_;
    ReservedPorts ports_;  ///< a place's, and some more
    std::vector<Place> places_;
    std::unique_ptr<Gateway> gateway_;
};

/// One for all shops of this program that leave it as it is, each with a topic of its own. Without
/// Java or nginx the program ends with 77: CTest says that it was skipped.
Broker& shared_broker();

/// Runs `bookstore topic` with the broker and that topic; throws when it fails.
Finished run_topic(
    const Broker& broker,
    const std::string& topic,
    const std::string& part,
    const std::vector<std::string>& arguments = {}
);

}  // namespace bookstore::test
