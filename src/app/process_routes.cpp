#include "app/process_routes.hpp"

#include <fmt/format.h>

#include "kernel/hal.hpp"

namespace bookstore::app {
namespace {

using http::Done;
using http::Request;

kernel::Endpoint endpoint(
    std::string pattern,
    kernel::Operation operation,
    std::function<void(const Request&, const Done&)> handler,
    http::Produces produces = http::Produces::nothing
) {
    kernel::Endpoint result;
    result.route.pattern = std::move(pattern);
    result.route.produces = produces;
    result.route.handler = std::move(handler);
    result.operation = std::move(operation);
    result.operation.tag = "process";
    return result;
}

/// GET /: a link per collection.
void index(const std::vector<std::string>& collections, const Request& request, const Done& done) {
    http::Response response;
    response.content_type = kernel::hal_type(request);
    std::string& out = response.body;
    out += R"({"_links":{)";
    for (const std::string& collection : collections) {
        out += fmt::format(R"("{}":{{"href":)", collection);
        json::append(out, fmt::format("{}/{}{{?page,size,sort}}", request.base_url(), collection));
        out += R"(,"templated":true},)";
    }
    out += R"("profile":{"href":)";
    json::append(out, request.base_url() + "/profile");
    out += "}}}";
    done(std::move(response));
}

std::string_view status_of(const kernel::Module& module) {
    switch (module.state()) {
        case kernel::Module::State::stopped:
            return "STOPPED";
        case kernel::Module::State::starting:
            return "DOWN";
        case kernel::Module::State::running:
            return "UP";
    }
    return "UNKNOWN";
}

/// GET /actuator/health: UP, or 503 and DOWN where a context is; STOPPED counts for neither.
void health(System& system, const Done& done) {
    std::string components;
    bool up = true;
    for (const auto& module : system.modules()) {
        const bool healthy = module->database().writer().healthy();
        const std::string_view status = healthy ? status_of(*module) : "DOWN";
        up = up && status != "DOWN";
        components += fmt::format(R"("{}":{{"status":"{}"}},)", module->name(), status);
    }
    const bool relay = system.relay().healthy();
    components += fmt::format(R"("relay":{{"status":"{}"}})", relay ? "UP" : "DOWN");
    up = up && relay;
    http::Response response;
    response.status = up ? 200 : 503;
    response.content_type = "application/json;charset=UTF-8";
    response.body =
        fmt::format(R"({{"status":"{}","components":{{{}}}}})", up ? "UP" : "DOWN", components);
    done(std::move(response));
}

/// GET /isReady: 200 once every context has caught up, 503 before and while the process ends.
void is_ready(const System& system, const ProcessState& state, const Done& done) {
    if (state.stopping) {
        done(kernel::unavailable("the process is ending"));
    } else if (!system.ready()) {
        done(kernel::unavailable("a context is starting: it reads the events it missed"));
    } else {
        done(http::Response{});
    }
}

/// GET /isHealthy: 200, or 500 with the reason.
void is_healthy(const System& system, const ProcessState& state, const Done& done) {
    const std::string fault = state.zombie ? "Zombie..." : system.fault();
    if (fault.empty()) {
        done(http::Response{});
    } else {
        done(kernel::problem(500, fault));
    }
}

constexpr auto health_schema = R"({
    "type": "object",
    "required": ["status", "components"],
    "properties": {
        "status": {"type": "string", "enum": ["UP", "DOWN"]},
        "components": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "string", "enum": ["UP", "DOWN", "STOPPED"]}}
            }
        }
    }
})";

kernel::Endpoint index_endpoint(const System& system) {
    std::vector<std::string> collections;
    for (const auto& resource : system.resources()) {
        collections.push_back(resource.collection);
    }
    return endpoint(
        "/",
        {.tag = {},
         .id = "index",
         .summary = "Where everything is",
         .replies =
             {{.status = 200,
               .description = "a templated link per collection",
               .type = "hal",
               .schema = R"({"$ref":"#/components/schemas/Links"})"}}},
        [collections](const Request& request, const Done& done) {
            index(collections, request, done);
        },
        http::Produces::hal
    );
}

kernel::Endpoint health_endpoint(System& system) {
    return endpoint(
        "/actuator/health",
        {.tag = {},
         .id = "health",
         .summary = "How the contexts are",
         .replies =
             {{.status = 200,
               .description = "UP; a context that an operator stopped does not count",
               .type = "application/json",
               .schema = health_schema},
              {.status = 503, .description = "something is DOWN"}}},
        [&system](const Request&, const Done& done) { health(system, done); },
        http::Produces::json
    );
}

kernel::Endpoint zombie_endpoint(ProcessState& state) {
    kernel::Endpoint result = endpoint(
        "/makeZombie",
        {.tag = {},
         .id = "makeZombie",
         .summary = "From now on /isHealthy fails: a drill for the orchestrator",
         .replies =
             {{.status = 200, .description = "it is one now"},
              {.status = 403, .description = "a page of another origin sent it"}}},
        [&state](const Request& request, const Done& done) {
            if (auto problem = kernel::refuse_cross_origin(request)) {
                done(std::move(*problem));
                return;
            }
            state.zombie = true;
            done(http::Response{});
        }
    );
    result.route.head = false;
    return result;
}

}  // namespace

std::vector<kernel::Endpoint> process_endpoints(System& system, ProcessState& state) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(index_endpoint(system));
    endpoints.push_back(health_endpoint(system));
    endpoints.push_back(endpoint(
        "/isReady",
        {.tag = {},
         .id = "isReady",
         .summary = "Whether it may be sent requests",
         .replies =
             {{.status = 200, .description = "every context has caught up"},
              {.status = 503, .description = "it is starting, or ending", .headers = {"Retry-After"}
              }}},
        [&](const Request&, const Done& done) { is_ready(system, state, done); }
    ));
    endpoints.push_back(endpoint(
        "/isHealthy",
        {.tag = {},
         .id = "isHealthy",
         .summary = "Whether it is to be left alone",
         .replies =
             {{.status = 200, .description = "it is well"},
              {.status = 500, .description = "it is to be restarted, and why"}}},
        [&](const Request&, const Done& done) { is_healthy(system, state, done); }
    ));
    endpoints.push_back(zombie_endpoint(state));
    return endpoints;
}

}  // namespace bookstore::app
