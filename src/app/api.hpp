#pragma once

#include <string_view>
#include <vector>

#include "backup/backup.hpp"
#include "host/system.hpp"
#include "http/router.hpp"
#include "observe/trace_requests.hpp"
#include "operations/process_routes.hpp"

namespace bookstore::app {

/// Every route of the API: the contexts', the process's, /events, the profiles, and /openapi.json,
/// which describes them all, itself included. System, state, backups and requests outlive the
/// routes.
std::vector<http::Route> api_routes(
    host::System& system,
    operations::ProcessState& state,
    backup::Backups& backups,
    const observe::TraceRequests& requests,
    std::string_view version
);

}  // namespace bookstore::app
