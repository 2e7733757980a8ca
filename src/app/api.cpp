#include "app/api.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "app/boards.hpp"
#include "backup/backup_routes.hpp"
#include "kernel/module.hpp"
#include "kernel/openapi.hpp"
#include "kernel/profile.hpp"
#include "kernel/schema.hpp"
#include "observe/trace_routes.hpp"
#include "operations/board_routes.hpp"
#include "operations/document.hpp"
#include "operations/event_stream.hpp"
#include "operations/health_routes.hpp"
#include "operations/module_routes.hpp"
#include "operations/parked_routes.hpp"

namespace bookstore::app {
namespace {

/// GET /openapi.json; its document is set when everything is there to be described.
kernel::Endpoint openapi_endpoint() {
    return operations::document_endpoint(
        http::Audience::everybody,
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

/// What GET / and GET /profile list: of a split also what other processes have, since clients see
/// one system behind its gateway.
std::vector<std::string> shown_collections(
    const std::vector<kernel::ResourceDescription>& resources,
    const std::vector<kernel::Board>& boards,
    bool split
) {
    std::vector<std::string> collections;
    if (split) {
        for (const kernel::Board& board : boards) {
            std::ranges::copy(board.collections, std::back_inserter(collections));
        }
    } else {
        for (const kernel::ResourceDescription& resource : resources) {
            collections.push_back(resource.collection);
        }
    }
    return collections;
}

/// What each listener is told of the API.
struct Documents {
    std::string everything;
    std::string of_customers;  ///< at their door, where operators have another
};

Documents documents_of(
    std::string_view version,
    std::string_view roles_claim,
    const std::vector<kernel::Endpoint>& endpoints,
    const std::vector<kernel::ResourceDescription>& resources
) {
    std::vector<kernel::Endpoint> of_customers;
    for (const kernel::Endpoint& endpoint : endpoints) {
        if (endpoint.route.audience.is_operators_alone()) {
            continue;
        }
        of_customers.push_back(endpoint);
        if (endpoint.operation.id == "health") {
            operations::describe_as_probe(of_customers.back());
        }
    }
    return {
        kernel::openapi_document(version, roles_claim, endpoints, resources),
        kernel::openapi_document(version, roles_claim, of_customers, resources)
    };
}

http::Handler by_door(Documents documents) {
    return [everything = operations::document_handler(std::move(documents.everything)),
            of_customers = operations::document_handler(std::move(documents.of_customers)
            )](const http::Request& request, const http::Done& done) {
        (request.door == http::Door::customers ? of_customers : everything)(request, done);
    };
}

/// Describes also what other processes host, as the gateway in front of them all has it.
Documents documents_of_split(
    std::string_view version,
    std::string_view roles_claim,
    const host::System& system,
    std::vector<kernel::Endpoint> endpoints,
    std::vector<kernel::ResourceDescription> resources
) {
    for_each_declared(system.contexts(), [&](const auto& context, const auto& declared) {
        if (system.find(context.name) != nullptr) {
            return;
        }
        std::ranges::copy(declared.declarations().resources, std::back_inserter(resources));
        for (const auto& route : declared.declarations().routes) {
            if (route.endpoint.operation.tag == "rebuilds") {
                continue;  // they are endpoints of every process
            }
            kernel::Endpoint& endpoint = endpoints.emplace_back(route.endpoint);
            kernel::describe_server(endpoint);
            kernel::describe_context(endpoint, std::holds_alternative<kernel::Command>(route.how));
        }
    });
    for (kernel::Endpoint& profile : kernel::profile_endpoints(endpoints, resources, {})) {
        const bool described = std::ranges::any_of(endpoints, [&](const kernel::Endpoint& other) {
            return other.route.pattern == profile.route.pattern;
        });
        if (!described) {
            kernel::describe_server(profile);
            endpoints.push_back(std::move(profile));
        }
    }
    return documents_of(version, roles_claim, endpoints, resources);
}

/// Who comes through the gateway has the whole system before them; others have this process.
http::Handler by_entrance(http::Handler process, http::Handler whole) {
    return [process = std::move(process), whole = std::move(whole)](
               const http::Request& request, const http::Done& done
           ) { (request.from_trusted_proxy ? whole : process)(request, done); };
}

}  // namespace

std::vector<http::Route> api_routes(const ApiParts& parts, std::string_view version) {
    host::System& system = parts.system;
    auto endpoints = system.endpoints();
    const auto resources = system.resources();
    const auto boards = app::boards(system);
    const auto collections = shown_collections(resources, boards, parts.split != nullptr);
    auto others = operations::process_endpoints(system, parts.state, collections);
    others.push_back(operations::events_endpoint(system.topic(), types_on(boards)));
    others.push_back(backup::backups_endpoint(parts.backups));
    others.push_back(observe::trace_endpoint(system, parts.requests));
    std::ranges::move(operations::parked_endpoints(system), std::back_inserter(others));
    std::ranges::move(operations::module_endpoints(system), std::back_inserter(others));
    std::ranges::move(operations::board_endpoints(version, boards), std::back_inserter(others));
    others.push_back(openapi_endpoint());
    std::ranges::move(
        kernel::profile_endpoints(endpoints, resources, collections), std::back_inserter(others)
    );
    std::ranges::for_each(others, kernel::describe_server);
    std::ranges::move(others, std::back_inserter(endpoints));
    if (parts.split != nullptr) {
        peers::join(*parts.split, endpoints);
    }

    // The description is of all endpoints, its own too, so its handler comes last.
    const auto self = std::ranges::find(endpoints, "openapi", [](const kernel::Endpoint& endpoint) {
        return std::string_view(endpoint.operation.id);
    });
    self->route.handler = by_door(documents_of(version, parts.roles_claim, endpoints, resources));
    if (parts.split != nullptr) {
        self->route.handler = by_entrance(
            std::move(self->route.handler),
            by_door(documents_of_split(version, parts.roles_claim, system, endpoints, resources))
        );
    }
    std::vector<http::Route> routes;
    for (kernel::Endpoint& endpoint : endpoints) {
        routes.push_back(std::move(endpoint.route));
    }
    return routes;
}

}  // namespace bookstore::app
