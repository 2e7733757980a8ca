#pragma once

#include <string_view>
#include <vector>

#include "backup/backup.hpp"
#include "host/system.hpp"
#include "http/router.hpp"
#include "observe/trace_requests.hpp"
#include "operations/process_routes.hpp"
#include "peers/split.hpp"

namespace bookstore::app {

/// What the API is of; it outlives the routes.
struct ApiParts {
    host::System& system;
    operations::ProcessState& state;
    backup::Backups& backups;
    const observe::TraceRequests& requests;
    peers::Split* split = nullptr;  ///< null: this process hosts all contexts that there are
    /// Where tokens have their roles, which documents tell of; empty: there is no authentication.
    std::string_view roles_claim{};
};

/// Every route of the API: the contexts', the process's, /events, the profiles, and /openapi.json,
/// which describes them all, itself included.
std::vector<http::Route> api_routes(const ApiParts& parts, std::string_view version);

}  // namespace bookstore::app
