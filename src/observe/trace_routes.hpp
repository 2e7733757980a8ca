#pragma once

#include "host/system.hpp"
#include "kernel/operation.hpp"
#include "observe/trace_requests.hpp"

namespace bookstore::observe {

/// GET /trace/orders/{id}: the timeline of one order. 404 when there is no such order, or when the
/// order context is not hosted here.
kernel::Endpoint trace_endpoint(host::System& system, const TraceRequests& requests);

}  // namespace bookstore::observe
