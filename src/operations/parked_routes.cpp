#include "operations/parked_routes.hpp"

#include <boost/json/object.hpp>
#include <string>
#include <utility>

#include "kernel/cross_origin.hpp"
#include "kernel/fields.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"
#include "operations/module_routes.hpp"
#include "operations/parked_actions.hpp"
#include "operations/parked_events.hpp"
#include "operations/parked_resources.hpp"

// What the API says of held events, and who answers.

namespace bookstore::operations {
namespace {

using http::Done;
using http::Request;

kernel::Parameter id_parameter() {
    return {
        .name = "id",
        .in = kernel::Parameter::In::path,
        .required = true,
        .description = "the subscription that holds it, and its position in the log",
        .schema = kernel::text_schema("^[a-z0-9-]+$"),
        .example = "payment-history-1"
    };
}

kernel::Endpoint endpoint(std::string pattern, kernel::Operation operation) {
    kernel::Endpoint result{.route = {.audience = http::Audience::operators}};
    result.route.pattern = std::move(pattern);
    result.operation = std::move(operation);
    result.operation.tag = "parked";
    return result;
}

kernel::Reply item_reply(int status, std::string description) {
    return {
        .status = status,
        .description = std::move(description),
        .type = "hal",
        .schema = kernel::schema_of<HeldEventResource>()
    };
}

/// A POST that changes something: 403, 503, 507 beside its own answers. `with_reason`: it has a
/// body.
kernel::Endpoint acting(
    host::System& system,
    std::string pattern,
    kernel::Operation operation,
    bool with_reason,
    void (*run)(host::System&, const Request&, const Done&)
) {
    for (kernel::Reply reply :
         {kernel::Reply{.status = 403, .description = "a page of another origin sent it"},
          kernel::Reply{
              .status = 503,
              .description = "the context is stopped, or cannot write now",
              .headers = {"Retry-After"}
          },
          kernel::Reply{.status = 507, .description = "the disk is full; nothing was changed"}}) {
        kernel::add_reply(operation, std::move(reply));
    }
    if (with_reason) {
        operation.body = kernel::RequestBody{
            .schema = "SkipInput",
            .fields = reason_fields().specs(),
            .example = boost::json::object{{"reason", "the order was settled by hand"}}
        };
    }
    auto result = endpoint(std::move(pattern), std::move(operation));
    result.route.method = http::Method::post;
    if (with_reason) {
        result.route.consumes = http::Consumes::json;
    }
    result.route.handler = [&system, run](const Request& request, const Done& done) {
        if (auto problem = kernel::refuse_cross_origin(request)) {
            done(std::move(*problem));
            return;
        }
        run(system, request, done);
    };
    return result;
}

kernel::Schema names_schema(const host::System& system) {
    std::vector<std::string> names;
    for (const auto& module : system.modules()) {
        names.push_back(module->name());
    }
    return kernel::words_schema(names);
}

kernel::Endpoint list_endpoint(host::System& system) {
    auto result = endpoint(
        "/parked",
        {.tag = {},
         .id = "parkedEvents",
         .summary = "Events that a context could not handle yet, and those that wait behind them",
         .parameters =
             {{.name = "module",
               .description = "those of one context",
               .schema = names_schema(system),
               .example = kernel::Schema(system.modules().front()->name())},
              {.name = "state",
               .description = "those whose attempts are used up",
               .schema = kernel::words_schema(std::vector<std::string>{"PARKED"})},
              {.name = "page",
               .description = "which page, from 0",
               .schema = kernel::integer_schema(0, 0),
               .example = 0},
              {.name = "size",
               .description = "events a page; more than 1000 gives 1000",
               .schema = kernel::integer_schema(1, kernel::default_page_size),
               .example = 20}},
         .replies =
             {{.status = 200,
               .description = "a page of them",
               .type = "hal",
               .schema = kernel::schema_of<HeldEventPage>()}}}
    );
    result.route.handler = [&system](const Request& request, const Done& done) {
        answer_with(request, done, [&] { return list_parked(system, request); });
    };
    return result;
}

kernel::Endpoint show_endpoint(host::System& system) {
    auto result = endpoint(
        "/parked/{id}",
        {.tag = {},
         .id = "parkedEvent",
         .summary = "One of them, or one that was skipped",
         .parameters = {id_parameter()},
         .replies =
             {item_reply(200, "the event, and why it is held"),
              {.status = 404, .description = "it is not held"}}}
    );
    result.route.handler = [&system](const Request& request, const Done& done) {
        answer_with(request, done, [&] { return show_parked(system, request); });
    };
    return result;
}

kernel::Operation of_all(
    const host::System& system,
    std::string id,
    std::string summary,
    int status,
    std::string description
) {
    return {
        .tag = {},
        .id = std::move(id),
        .summary = std::move(summary),
        .parameters = {module_parameter(system)},
        .replies =
            {{.status = status,
              .description = std::move(description),
              .type = "hal",
              .schema = kernel::schema_of<CountedResource>()},
             {.status = 404, .description = "this process hosts no context of that name"}}
    };
}

kernel::Endpoint retry_endpoint(host::System& system) {
    return acting(
        system,
        "/parked/{id}/retry",
        {.tag = {},
         .id = "retryParked",
         .summary = "Try one now",
         .description = "One that is parked gets one more attempt. Those behind it follow when it "
                        "succeeded.",
         .parameters = {id_parameter()},
         .replies =
             {item_reply(202, "it is tried now"),
              {.status = 404, .description = "it is not held"},
              {.status = 409, .description = "it waits behind another of its key, or was skipped"}}
        },
        false,
        retry_parked
    );
}

kernel::Endpoint skip_endpoint(host::System& system) {
    return acting(
        system,
        "/parked/{id}/skip",
        {.tag = {},
         .id = "skipParked",
         .summary = "Give one up",
         .description = "It is never handled, by no rebuild either; the reason is recorded. What "
                        "waited behind it is tried now.",
         .parameters = {id_parameter()},
         .replies =
             {item_reply(200, "it is skipped; also when it was before"),
              {.status = 404, .description = "it is not held"}}},
        true,
        skip_parked
    );
}

kernel::Endpoint retry_all_endpoint(host::System& system) {
    auto operation =
        of_all(system, "retryAllParked", "Try all that a context has parked", 202, "they are");
    return acting(
        system, "/modules/{name}/parked/retry", std::move(operation), false, retry_all_parked
    );
}

kernel::Endpoint skip_all_endpoint(host::System& system) {
    auto operation = of_all(
        system,
        "skipAllParked",
        "Give up all that a context has parked",
        200,
        "they are skipped, 10000 at a time"
    );
    return acting(
        system, "/modules/{name}/parked/skip", std::move(operation), true, skip_all_parked
    );
}

}  // namespace

std::vector<kernel::Endpoint> parked_endpoints(host::System& system) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(list_endpoint(system));
    endpoints.push_back(show_endpoint(system));
    endpoints.push_back(retry_endpoint(system));
    endpoints.push_back(skip_endpoint(system));
    endpoints.push_back(retry_all_endpoint(system));
    endpoints.push_back(skip_all_endpoint(system));
    return endpoints;
}

}  // namespace bookstore::operations
