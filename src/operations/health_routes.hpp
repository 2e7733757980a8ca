#pragma once

#include <atomic>
#include <vector>

#include "host/health.hpp"
#include "host/system.hpp"
#include "http/server.hpp"
#include "kernel/operation.hpp"
#include "observe/metrics.hpp"

namespace bookstore::operations {

/// What the process itself knows of its state, beyond its contexts'.
struct ProcessState {
    host::Health& health;
    const observe::Metrics& metrics;
    const http::Server& server;
    std::atomic<bool> stopping{false};  ///< a signal came: not ready any more
};

/// How the process and its contexts are: /actuator/health, the probes /isReady and /isHealthy, and
/// the drill /makeZombie.
/// What GET /actuator/health says of itself where operators have a listener of their own, and this
/// is not it.
void describe_as_probe(kernel::Endpoint& health);

std::vector<kernel::Endpoint> health_endpoints(host::System& system, ProcessState& state);

}  // namespace bookstore::operations
