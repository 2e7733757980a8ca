#pragma once

#include <vector>

#include "host/system.hpp"
#include "kernel/operation.hpp"
#include "operations/health_routes.hpp"

namespace bookstore::operations {

/// The routes of the process, not of a context: the index at /, its health, its metrics.
std::vector<kernel::Endpoint> process_endpoints(host::System& system, ProcessState& state);

}  // namespace bookstore::operations
