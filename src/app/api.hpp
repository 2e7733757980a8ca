#pragma once

#include <string_view>
#include <vector>

#include "app/backup.hpp"
#include "app/process_routes.hpp"
#include "app/system.hpp"
#include "app/trace_requests.hpp"
#include "http/router.hpp"

namespace bookstore::app {

/// Every route of the API: the contexts', the process's, /events, the profiles, and /openapi.json,
/// which describes them all, itself included. Takes the system's endpoints; system, state and
/// backups and requests outlive the routes.
std::vector<http::Route> api_routes(
    System& system,
    ProcessState& state,
    Backups& backups,
    const TraceRequests& requests,
    std::string_view version
);

}  // namespace bookstore::app
