#include "operations/process_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "kernel/hal.hpp"
#include "kernel/schema.hpp"

namespace bookstore::operations {
namespace {

using http::Done;
using http::Request;

/// GET /: a link per collection.
void index(const std::vector<std::string>& collections, const Request& request, const Done& done) {
    kernel::LinkMap links;
    for (const std::string& collection : collections) {
        links.add(
            collection,
            fmt::format("{}/{}{{?page,size,sort}}", request.base_url(), collection),
            true
        );
    }
    links.add("profile", request.base_url() + "/profile");
    done(kernel::links_response(request, std::move(links)));
}

kernel::Endpoint index_endpoint(const std::vector<std::string>& collections) {
    kernel::Endpoint endpoint{.route = {.audience = http::Audience::everybody}};
    endpoint.route.pattern = "/";
    endpoint.route.handler = [collections](const Request& request, const Done& done) {
        index(collections, request, done);
    };
    endpoint.operation = {
        .tag = "process",
        .id = "index",
        .summary = "Where everything is",
        .replies =
            {{.status = 200,
              .description = "a templated link per collection",
              .type = "hal",
              .schema = kernel::schema_named("Links")}}
    };
    return endpoint;
}

}  // namespace

std::vector<kernel::Endpoint> process_endpoints(
    host::System& system, ProcessState& state, const std::vector<std::string>& collections
) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(index_endpoint(collections));
    std::ranges::move(health_endpoints(system, state), std::back_inserter(endpoints));
    endpoints.push_back(observe::metrics_endpoint(state.metrics));
    return endpoints;
}

}  // namespace bookstore::operations
