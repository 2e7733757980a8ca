#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/free_ports.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {

/// A real Kafka on the loopback, on ports that were free, by scripts/kafka: one broker, or three.
/// It goes with its data when the object goes, and also when the test dies. Throws with what was
/// said when it does not do what it should.
class Broker {
  public:
    /// `settings` are brokers' own, "name=value".
    explicit Broker(int count = 1, const std::string& settings = {});
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    /// "127.0.0.1:PORT", with commas between of three.
    const std::string& address() const { return address_; }
    int port() const { return port_; }

    // Of one broker, counted from 1; 0 means all there are.

    /// Again, with its data, and waits until it serves. One of three is not waited for.
    void start(int which = 0);
    /// In good order, and waits for the end.
    void stop(int which = 0);
    /// SIGKILL, and waits for the end.
    void kill(int which = 0);
    /// It stands still, with its connections open.
    void freeze(int which = 0) const;
    void thaw(int which = 0) const;

    // Kafka's own tools, with this broker; what they print.

    std::string topics(std::vector<std::string> arguments) const;
    std::string configs(std::vector<std::string> arguments) const;
    std::string groups(std::vector<std::string> arguments) const;
    /// What Kafka's console consumer prints of the first `count` records.
    std::string console_consumer(const std::string& topic, int count) const;

    /// One partition, dated by the broker, from which nothing goes; `settings` are more of them.
    void create_topic(const std::string& name, const std::vector<std::string>& settings = {}) const;
    void delete_topic(const std::string& name) const;

  private:
    std::string run(std::vector<std::string> words) const;
    std::string tool(const std::string& name, std::vector<std::string> arguments) const;
    std::string directory_of(int which) const;
    std::vector<int> pids(int which) const;

    TemporaryDirectory files_;
    int count_;
    ReservedPorts ports_;
    int port_;
    int life_ = -1;  ///< a pipe's end: when nobody holds it, the brokers are killed
    std::string address_;
};

}  // namespace bookstore::test
