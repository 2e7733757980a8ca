#pragma once

#include <atomic>
#include <vector>

#include "app/system.hpp"
#include "kernel/operation.hpp"

namespace bookstore::app {

/// What the process itself knows of its state, beyond its contexts'.
struct ProcessState {
    std::atomic<bool> stopping{false};  ///< a signal came: not ready any more
    std::atomic<bool> zombie{false};    ///< /makeZombie was called: not healthy any more
};

/// The routes of the process, not of a context: the index at /, health, the zombie drill.
std::vector<kernel::Endpoint> process_endpoints(System& system, ProcessState& state);

}  // namespace bookstore::app
