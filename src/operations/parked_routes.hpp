#pragma once

#include <vector>

#include "host/system.hpp"
#include "kernel/operation.hpp"

namespace bookstore::operations {

/// Events that a context could not handle: GET /parked and /parked/{id}; POST /parked/{id}/retry
/// and /skip; and of all that a context has parked, POST /modules/{name}/parked/retry and /skip.
/// An id is SUBSCRIPTION-POSITION, "order-12": no other event ever has it.
std::vector<kernel::Endpoint> parked_endpoints(host::System& system);

}  // namespace bookstore::operations
