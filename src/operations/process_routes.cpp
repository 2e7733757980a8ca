#include "operations/process_routes.hpp"

#include <fmt/format.h>

#include "kernel/cross_origin.hpp"
#include "kernel/hal.hpp"

namespace bookstore::operations {
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
    std::string out = R"({"_links":{)";
    for (const std::string& collection : collections) {
        const std::string href =
            fmt::format("{}/{}{{?page,size,sort}}", request.base_url(), collection);
        kernel::append_link(out, collection, href, true);
    }
    kernel::append_link(out, "profile", request.base_url() + "/profile");
    out.back() = '}';
    done(kernel::hal_response(request, out + "}"));
}

/// A context, or the relay, as /actuator/health shows it.
struct Component {
    std::string name;
    std::string_view status;
    std::string reason;                          ///< why it is DOWN
    std::vector<host::NamedBreaker> breakers{};  ///< an open one is no illness
};

Component component_of(const host::System& system, const host::Health& health, std::size_t place) {
    const bool relay = place == system.relay_place();
    Component component{relay ? "relay" : system.modules()[place]->name(), "UP", {}};
    component.reason = health.fault_of(place);
    if (!component.reason.empty()) {
        component.status = "DOWN";
    } else if (!relay && system.modules()[place]->state() == kernel::HostedModule::State::stopped) {
        component.status = "STOPPED";
    } else if (!relay &&
               system.modules()[place]->state() == kernel::HostedModule::State::starting) {
        component.status = system.modules()[place]->catching_up() ? "STOPPED" : "DOWN";
        component.reason = "it is starting: it reads the events it missed";
    }
    for (host::NamedBreaker& breaker : system.breakers()) {
        if (breaker.context == component.name) {
            component.breakers.push_back(std::move(breaker));
        }
    }
    return component;
}

std::string object_of(const host::NamedBreaker& named) {
    const Breaker::Snapshot& breaker = named.snapshot;
    std::string out = fmt::format(
        R"({{"state":"{}","since":"{}","opened":{},"calls":{{"succeeded":{},"failed":{},"refused":{}}},"lastTransition":)",
        name_of(breaker.state),
        iso_timestamp(named.since_ms),
        breaker.opened,
        breaker.succeeded,
        breaker.failed,
        breaker.refused
    );
    if (const auto& last = breaker.last_transition) {
        out += fmt::format(
            R"({{"from":"{}","to":"{}","at":"{}","reason":)",
            name_of(last->from),
            name_of(last->to),
            iso_timestamp(named.last_transition_ms.value_or(0))
        );
        json::append(out, last->reason);
        out += '}';
    } else {
        out += "null";
    }
    return out + "}";
}

std::string object_of(const Component& component) {
    std::string details;
    if (!component.reason.empty()) {
        details = R"("reason":)";
        json::append(details, component.reason);
    }
    std::string breakers;
    for (const host::NamedBreaker& breaker : component.breakers) {
        breakers += breakers.empty() ? "" : ",";
        breakers += fmt::format(R"("{}":{})", breaker.name, object_of(breaker));
    }
    if (!breakers.empty()) {
        details +=
            fmt::format(R"({}"circuitBreakers":{{{}}})", details.empty() ? "" : ",", breakers);
    }
    std::string out = fmt::format(R"({{"status":"{}")", component.status);
    if (!details.empty()) {
        out += fmt::format(R"(,"details":{{{}}})", details);
    }
    return out + "}";
}

std::vector<Component> components_of(const host::System& system, const host::Health& health) {
    std::vector<Component> components;
    for (std::size_t place = 0; place < system.modules().size(); ++place) {
        components.push_back(component_of(system, health, place));
    }
    components.push_back(component_of(system, health, system.relay_place()));
    return components;
}

http::Response health_response(bool up, std::string body) {
    http::Response response;
    response.status = up ? 200 : 503;
    response.content_type = "application/json;charset=UTF-8";
    response.body = std::move(body);
    if (!up) {
        response.headers.push_back({"Retry-After", "1"});
    }
    return response;
}

/// GET /actuator/health: UP, or 503 and DOWN where something is; STOPPED counts for neither.
void health(const host::System& system, const ProcessState& state, const Done& done) {
    const std::string fault = state.health.fault();
    bool up = fault.empty();
    std::string components;
    for (const Component& component : components_of(system, state.health)) {
        up = up && component.status != "DOWN";
        components += fmt::format(R"("{}":{},)", component.name, object_of(component));
    }
    components.pop_back();
    std::string body = object_of({{}, up ? "UP" : "DOWN", fault});
    body.back() = ',';
    done(health_response(up, fmt::format(R"({}"components":{{{}}}}})", body, components)));
}

/// GET /actuator/health/order, ...: the same of one context, or of the relay.
void health_of_one(
    const host::System& system, const ProcessState& state, std::size_t place, const Done& done
) {
    const Component component = component_of(system, state.health, place);
    done(health_response(component.status != "DOWN", object_of(component)));
}

/// GET /isReady: 200 once every context has caught up, 503 before and while the process ends.
void is_ready(const host::System& system, const ProcessState& state, const Done& done) {
    if (state.stopping) {
        done(kernel::unavailable("the process is ending"));
    } else if (!system.ready()) {
        done(kernel::unavailable("a context is starting: it reads the events it missed"));
    } else {
        done(http::Response{});
    }
}

/// GET /isHealthy: 200, or 500 with the reason.
void is_healthy(const ProcessState& state, const Done& done) {
    const std::string fault = state.health.fault();
    if (fault.empty()) {
        done(http::Response{});
    } else {
        done(kernel::problem(500, fault));
    }
}

constexpr auto component_schema = R"({
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"type": "string", "enum": ["UP", "DOWN", "STOPPED"]},
        "details": {
            "type": "object",
            "properties": {
                "reason": {"type": "string"},
                "circuitBreakers": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["state", "since", "opened", "calls", "lastTransition"],
                        "properties": {
                            "state": {"type": "string", "enum": ["closed", "open", "half-open"]},
                            "since": {"type": "string", "format": "date-time"},
                            "opened": {"type": "integer", "minimum": 0},
                            "calls": {
                                "type": "object",
                                "required": ["succeeded", "failed", "refused"],
                                "additionalProperties": {"type": "integer", "minimum": 0}
                            },
                            "lastTransition": {
                                "type": ["object", "null"],
                                "required": ["from", "to", "at", "reason"]
                            }
                        }
                    }
                }
            }
        }
    }
})";

std::string health_schema() {
    return fmt::format(
        R"({{
            "type": "object",
            "required": ["status", "components"],
            "properties": {{
                "status": {{"type": "string", "enum": ["UP", "DOWN"]}},
                "details": {{"type": "object", "properties": {{"reason": {{"type": "string"}}}}}},
                "components": {{"type": "object", "additionalProperties": {}}}
            }}
        }})",
        component_schema
    );
}

kernel::Endpoint index_endpoint(const host::System& system) {
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

kernel::Endpoint health_endpoint(const host::System& system, const ProcessState& state) {
    return endpoint(
        "/actuator/health",
        {.tag = {},
         .id = "health",
         .summary = "How the contexts are",
         .replies =
             {{.status = 200,
               .description = "UP; a context that an operator stopped does not count",
               .type = "application/json",
               .schema = health_schema()},
              {.status = 503,
               .description = "something is DOWN",
               .type = "application/json",
               .schema = health_schema(),
               .headers = {"Retry-After"}}}},
        [&system, &state](const Request&, const Done& done) { health(system, state, done); },
        http::Produces::json
    );
}

kernel::Endpoint component_endpoint(
    const host::System& system, const ProcessState& state, std::size_t place
) {
    const std::string name = component_of(system, state.health, place).name;
    return endpoint(
        "/actuator/health/" + name,
        {.tag = {},
         .id = "health-" + name,
         .summary =
             name == "relay" ? "How the relay is" : fmt::format("How the {} context is", name),
         .replies =
             {{.status = 200,
               .description = "UP or STOPPED",
               .type = "application/json",
               .schema = component_schema},
              {.status = 503,
               .description = "DOWN",
               .type = "application/json",
               .schema = component_schema,
               .headers = {"Retry-After"}}}},
        [&system, &state, place](const Request&, const Done& done) {
            health_of_one(system, state, place, done);
        },
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
            state.health.make_zombie();
            done(http::Response{});
        }
    );
    result.route.head = false;
    return result;
}

}  // namespace

std::vector<kernel::Endpoint> process_endpoints(host::System& system, ProcessState& state) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(index_endpoint(system));
    endpoints.push_back(health_endpoint(system, state));
    for (std::size_t place = 0; place < system.modules().size(); ++place) {
        endpoints.push_back(component_endpoint(system, state, place));
    }
    endpoints.push_back(component_endpoint(system, state, system.relay_place()));
    endpoints.push_back(endpoint(
        "/isReady",
        {.tag = {},
         .id = "isReady",
         .summary = "Whether it may be sent requests",
         .replies =
             {{.status = 200, .description = "every context has caught up"},
              {.status = 503, .description = "it is starting, or ending", .headers = {"Retry-After"}
              }}},
        [&system, &state](const Request&, const Done& done) { is_ready(system, state, done); }
    ));
    endpoints.push_back(endpoint(
        "/isHealthy",
        {.tag = {},
         .id = "isHealthy",
         .summary = "Whether it is to be left alone",
         .replies =
             {{.status = 200, .description = "it is well"},
              {.status = 500, .description = "it is to be restarted, and why"}}},
        [&state](const Request&, const Done& done) { is_healthy(state, done); }
    ));
    endpoints.push_back(zombie_endpoint(state));
    endpoints.push_back(observe::metrics_endpoint(state.metrics));
    return endpoints;
}

}  // namespace bookstore::operations
