#pragma once

#include <string>
#include <vector>

#include "host/system.hpp"
#include "kernel/operation.hpp"
#include "operations/health_routes.hpp"

namespace bookstore::operations {

/// The routes of the process, not of a context: the index at /, which links the collections, its
/// health, its metrics.
std::vector<kernel::Endpoint> process_endpoints(
    host::System& system, ProcessState& state, const std::vector<std::string>& collections
);

}  // namespace bookstore::operations
