#pragma once

#include <atomic>
#include <vector>

#include "app/health.hpp"
#include "app/metrics.hpp"
#include "app/system.hpp"
#include "kernel/operation.hpp"

namespace bookstore::app {

/// What the process itself knows of its state, beyond its contexts'.
struct ProcessState {
    Health& health;
    const Metrics& metrics;
    std::atomic<bool> stopping{false};  ///< a signal came: not ready any more
};

/// The routes of the process, not of a context: the index at /, health, the zombie drill.
std::vector<kernel::Endpoint> process_endpoints(System& system, ProcessState& state);

}  // namespace bookstore::app
