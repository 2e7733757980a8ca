#pragma once

#include "app/system.hpp"
#include "app/trace_requests.hpp"
#include "kernel/operation.hpp"

namespace bookstore::app {

/// GET /trace/orders/{id}: the timeline of one order. 404 when there is no such order, or when the
/// order context is not hosted here.
kernel::Endpoint trace_endpoint(System& system, const TraceRequests& requests);

}  // namespace bookstore::app
