#include "kernel/collection.hpp"

#include <fmt/format.h>

namespace bookstore::kernel {

http::Problem not_his(const http::Request& request, std::int64_t owner) {
    return {
        .status = 403,
        .message = "1 field is for another customer",
        .errors =
            {{std::string(owner_parameter),
              fmt::format("must be {}, the customer whom the token names", request.customer),
              std::to_string(owner)}}
    };
}

}  // namespace bookstore::kernel

namespace bookstore::kernel::detail {

Endpoint search_endpoint(const Resource& resource, http::Audience audience) {
    Endpoint endpoint{.route = {.audience = audience}};
    endpoint.route.pattern = fmt::format("/{}/search", resource.collection);
    endpoint.operation.tag = resource.collection;
    endpoint.operation.id = "search" + capitalized(resource.collection);
    endpoint.operation.summary = fmt::format("List the finders of the {}", resource.collection);
    endpoint.operation.replies = {
        {.status = 200,
         .description = "a templated link per finder",
         .type = "hal",
         .schema = schema_named("Links")}
    };
    return endpoint;
}

http::Response search_response(
    const http::Request& request, const Resource& resource, const std::vector<Finder>& finders
) {
    const std::string search = fmt::format("{}/{}/search", request.base_url(), resource.collection);
    LinkMap links;
    for (const Finder& finder : finders) {
        const std::string href = fmt::format("{}/{}{}", search, finder.name, finder.parameters);
        links.add(finder.name, href, true);
    }
    links.add("self", search);
    return links_response(request, std::move(links));
}

http::Problem none_of(const Resource& resource, std::string_view parameter, std::int64_t id) {
    parameter.remove_suffix(std::string_view("Id").size());
    return {
        .status = 404,
        .message = fmt::format("there is no {} of {} {}", resource.singular, parameter, id)
    };
}

}  // namespace bookstore::kernel::detail
