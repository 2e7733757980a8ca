#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/free_ports.hpp"
#include "support/temporary_directory.hpp"

namespace bookstore::test {

/// The processes behind a gateway, by the names of the shipped upstreams (customer, book, order,
/// delivery, payment, paymenthistory, van), and their ports on this machine.
using GatewayPorts = std::map<std::string, std::uint16_t>;

/// All of them at one port: a process that hosts every context.
GatewayPorts all_at(std::uint16_t port);

struct GatewayOptions {
    bool operators = false;  ///< with the operators' paths
    /// Where those listen for operators; empty: at the same ports.
    GatewayPorts operators_ports{};
    bool impatient = false;  ///< waits 1 s for an answer, not 30
};

/// A real nginx with the configuration that is shipped in deploy/split; ports alone are others. On
/// a port of its own, also over a restart. Killed when it goes.
class Gateway {
  public:
    /// Throws when nginx is not installed, or does not take the configuration.
    explicit Gateway(const GatewayPorts& ports, const GatewayOptions& options = {});
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    /// "http://127.0.0.1:PORT"
    std::string url() const;

    /// Returns when it listens; after stop() or kill().
    void start();
    /// SIGTERM, and waits for the end of master and workers.
    void stop();
    void kill();
    /// The processes are at these ports now: what is under way is answered, what comes goes there.
    void reload(const GatewayPorts& ports);
    /// Master and workers do nothing until thaw(); connections are still taken by the system.
    void freeze();
    void thaw();
    /// What it wrote to standard error so far.
    std::string log() const;

  private:
    void write_upstreams(const GatewayPorts& ports) const;
    std::set<pid_t> workers() const;
    void signal_all(int number) const;

    TemporaryDirectory files_;
    const GatewayPorts operators_ports_;  ///< empty: those of all
    ReservedPorts port_{1};
    pid_t pid_ = -1;  ///< the master's, and its group's; -1: it does not run
};

}  // namespace bookstore::test
