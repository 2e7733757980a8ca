#include "app/api.hpp"

#include <algorithm>
#include <iterator>

#include "app/boards.hpp"
#include "backup/backup_routes.hpp"
#include "kernel/openapi.hpp"
#include "kernel/profile.hpp"
#include "kernel/schema.hpp"
#include "observe/trace_routes.hpp"
#include "operations/board_routes.hpp"
#include "operations/document.hpp"
#include "operations/event_stream.hpp"
#include "operations/module_routes.hpp"
#include "operations/parked_routes.hpp"

namespace bookstore::app {
namespace {

/// GET /openapi.json; its document is set when everything is there to be described.
kernel::Endpoint openapi_endpoint() {
    return operations::document_endpoint(
        "/openapi.json",
        {},
        {.tag = {},
         .id = "openapi",
         .summary = "This description",
         .replies =
             {{.status = 200,
               .description = "an OpenAPI 3.1 document",
               .type = "application/json",
               .schema = kernel::object_with("OpenApiDocument", {"openapi", "info", "paths"})}}}
    );
}

/// Every type of event that some context publishes, hosted or not.
bus::Types types_on(const std::vector<kernel::Board>& boards) {
    bus::Types types;
    for (const kernel::Board& board : boards) {
        std::ranges::move(kernel::types_of(board.publishes), std::back_inserter(types));
    }
    return types;
}

}  // namespace

std::vector<http::Route> api_routes(
    host::System& system,
    operations::ProcessState& state,
    backup::Backups& backups,
    const observe::TraceRequests& requests,
    std::string_view version
) {
    auto endpoints = system.endpoints();
    const auto resources = system.resources();
    auto others = operations::process_endpoints(system, state);
    const auto boards = app::boards(system);
    others.push_back(operations::events_endpoint(system.topic(), types_on(boards)));
    others.push_back(backup::backups_endpoint(backups));
    others.push_back(observe::trace_endpoint(system, requests));
    std::ranges::move(operations::parked_endpoints(system), std::back_inserter(others));
    std::ranges::move(operations::module_endpoints(system), std::back_inserter(others));
    std::ranges::move(operations::board_endpoints(version, boards), std::back_inserter(others));
    others.push_back(openapi_endpoint());
    std::ranges::move(kernel::profile_endpoints(endpoints, resources), std::back_inserter(others));
    std::ranges::for_each(others, kernel::describe_server);
    std::ranges::move(others, std::back_inserter(endpoints));

    // The description is of all endpoints, its own too, so its handler comes last.
    const auto self = std::ranges::find(endpoints, "openapi", [](const kernel::Endpoint& endpoint) {
        return std::string_view(endpoint.operation.id);
    });
    self->route.handler =
        operations::document_handler(kernel::openapi_document(version, endpoints, resources));
    std::vector<http::Route> routes;
    for (kernel::Endpoint& endpoint : endpoints) {
        routes.push_back(std::move(endpoint.route));
    }
    return routes;
}

}  // namespace bookstore::app
