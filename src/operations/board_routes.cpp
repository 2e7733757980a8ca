#include "operations/board_routes.hpp"

#include "bus/topic.hpp"
#include "kernel/asyncapi.hpp"
#include "kernel/board_text.hpp"
#include "kernel/schema.hpp"
#include "operations/document.hpp"

namespace bookstore::operations {

namespace {

kernel::Schema board_schema() {
    return kernel::object_schema(
        "Board",
        {{"contexts",
          true,
          kernel::list_of(kernel::object_with(
              "BoardContext",
              {"name", "commands", "publishes", "policies", "readModels", "asks", "collections"}
          ))}}
    );
}

}  // namespace

std::vector<kernel::Endpoint> board_endpoints(
    std::string_view version, std::span<const kernel::Board> boards
) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(document_endpoint(
        http::Audience::operators,
        "/board",
        kernel::board_json(boards),
        {.tag = {},
         .id = "board",
         .summary = "Each context's commands, events, policies and read models",
         .description = "Of all contexts, hosted here or not: what they declare, as on an "
                        "event-storming board.",
         .replies =
             {{.status = 200,
               .description = "the board",
               .type = "application/json",
               .schema = board_schema()}}}
    ));
    endpoints.push_back(document_endpoint(
        http::Audience::everybody,
        "/asyncapi.json",
        kernel::asyncapi_document(version, bus::Topic::name, boards),
        {.tag = {},
         .id = "asyncapi",
         .summary = "The events between the contexts",
         .replies =
             {{.status = 200,
               .description = "an AsyncAPI 3.0 document",
               .type = "application/json",
               .schema = kernel::object_with("AsyncApiDocument", {"asyncapi", "info", "channels"})}}
        }
    ));
    return endpoints;
}

}  // namespace bookstore::operations
