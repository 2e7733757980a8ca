#include "operations/health_routes.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "kernel/cross_origin.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"
#include "operations/health_resources.hpp"

namespace bookstore::operations {
namespace {

using http::Done;
using http::Request;

kernel::Endpoint endpoint(
    http::Audience audience,
    std::string pattern,
    kernel::Operation operation,
    std::function<void(const Request&, const Done&)> handler,
    http::Produces produces = http::Produces::nothing
) {
    kernel::Endpoint result{.route = {.audience = audience}};
    result.route.pattern = std::move(pattern);
    result.route.produces = produces;
    result.route.handler = std::move(handler);
    result.operation = std::move(operation);
    result.operation.tag = "process";
    return result;
}

std::optional<TransitionResource> last_transition_of(const host::NamedBreaker& breaker) {
    const auto& last = breaker.snapshot.last_transition;
    if (!last) {
        return std::nullopt;
    }
    return TransitionResource{
        last->from, last->to, {breaker.last_transition_ms.value_or(0)}, last->reason
    };
}

BreakerResource resource_of(const host::NamedBreaker& breaker) {
    const Breaker::Snapshot& snapshot = breaker.snapshot;
    return {
        .state = snapshot.state,
        .since = {breaker.since_ms},
        .opened = snapshot.opened,
        .calls = {snapshot.succeeded, snapshot.failed, snapshot.refused},
        .last_transition = last_transition_of(breaker)
    };
}

/// Where events wait: in the context's outbox, and for which of its subscriptions. What cannot be
/// read now is left out.
json::Omittable<json::Named<BacklogResource>> backlogs_of(
    const host::System& system, kernel::HostedModule& module
) {
    json::Named<BacklogResource> backlogs;
    const auto add = [&](const std::string& name, bus::BacklogState state, std::int64_t events) {
        if (events > 0 || state == bus::BacklogState::failing) {
            backlogs.emplace_back(name, BacklogResource{state, std::max<std::int64_t>(events, 0)});
        }
    };
    try {
        add("outbox", system.relay().backlog_state(module.name()), module.outbox().depth());
    } catch (const storage::Error& error) {
        spdlog::debug("health: {}", error.what());
    }
    for (const auto& subscription : module.subscriptions()) {
        add(subscription->name(), module.state_of(*subscription), subscription->lag());
    }
    json::Omittable<json::Named<BacklogResource>> waiting;
    if (!backlogs.empty()) {
        waiting = std::move(backlogs);
    }
    return waiting;
}

std::string name_of(const host::System& system, std::size_t place) {
    return place == system.relay_place() ? "relay" : system.modules()[place]->name();
}

ComponentResource resource_of(
    const host::System& system, const host::Health& health, std::size_t place
) {
    using State = kernel::HostedModule::State;
    const bool relay = place == system.relay_place();
    ComponentResource component;
    ComponentDetails details;
    if (std::string reason = health.fault_of(place); !reason.empty()) {
        component.status = ComponentStatus::down;
        details.reason = std::move(reason);
    } else if (!relay && system.modules()[place]->state() == State::stopped) {
        component.status = ComponentStatus::stopped;
    } else if (!relay && system.modules()[place]->state() == State::starting) {
        component.status = system.modules()[place]->catching_up() ? ComponentStatus::stopped
                                                                  : ComponentStatus::down;
        details.reason = "it is starting: it reads the events it missed";
    }
    const std::string name = name_of(system, place);
    for (const host::NamedBreaker& breaker : system.breakers()) {
        if (breaker.context == name) {
            if (!details.circuit_breakers) {
                details.circuit_breakers.emplace();
            }
            details.circuit_breakers->emplace_back(breaker.name, resource_of(breaker));
        }
    }
    if (!relay) {
        details.backlogs = backlogs_of(system, *system.modules()[place]);
    }
    if (details.reason || details.backlogs || details.circuit_breakers) {
        component.details = std::move(details);
    }
    return component;
}

/// The brokers of the topic's partition. While they are away requests are answered: that is no
/// illness of the process.
ComponentResource kafka_of(const host::System& system) {
    ComponentResource component;
    ComponentDetails details;
    const bus::PipeStats stats = system.pipe_stats().value_or(bus::PipeStats{});
    if (system.mirror()->refuses()) {
        component.status = ComponentStatus::down;
        details.reason = system.mirror()->refusal();
    } else if (!stats.connected) {
        component.status = ComponentStatus::unreachable;
        details.reason = fmt::format(
            "no broker answers since {}: events wait in the outboxes", iso_timestamp(stats.since_ms)
        );
    }
    if (details.reason) {
        component.details = std::move(details);
    }
    return component;
}

/// The certificate. One that could not be taken leaves the one before at work, and an expired one
/// becomes none by a restart: no illness of the process, but somebody has to act.
ComponentResource certificate_of(const http::TlsStatus& status) {
    ComponentResource component;
    std::string reason = status.problem;
    if (reason.empty() && status.expires_s <= SystemClock().now_ms() / 1000) {
        reason =
            fmt::format("the certificate expired at {}", iso_timestamp(status.expires_s * 1000));
    }
    if (!reason.empty()) {
        ComponentDetails details;
        details.reason = std::move(reason);
        component.details = std::move(details);
    }
    return component;
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

/// GET /actuator/health: UP, or 503 and DOWN where something is; STOPPED counts for neither. Who is
/// no operator, by listener or token, is not told why.
void health(
    const host::System& system, const ProcessState& state, const Request& request, const Done& done
) {
    HealthResource resource;
    const std::string fault = state.health.fault();
    bool up = fault.empty();
    if (!up) {
        resource.details = ProcessDetails{fault};
    }
    for (std::size_t place = 0; place <= system.modules().size(); ++place) {
        const std::size_t at = place < system.modules().size() ? place : system.relay_place();
        ComponentResource component = resource_of(system, state.health, at);
        up = up && component.status != ComponentStatus::down;
        resource.components.emplace_back(name_of(system, at), std::move(component));
    }
    if (system.mirror() != nullptr) {
        resource.components.emplace_back("kafka", kafka_of(system));
    }
    if (const auto tls = state.server.tls_status()) {
        resource.components.emplace_back("tls", certificate_of(*tls));
    }
    resource.status = up ? ProcessStatus::up : ProcessStatus::down;
    if (!request.is_by_operators()) {
        done(health_response(up, json::text_of(HealthProbe{resource.status})));
        return;
    }
    done(health_response(up, json::text_of(resource)));
}

/// GET /actuator/health/order, ...: the same of one context, or of the relay.
void health_of_one(
    const host::System& system, const ProcessState& state, std::size_t place, const Done& done
) {
    const ComponentResource component = resource_of(system, state.health, place);
    done(health_response(component.status != ComponentStatus::down, json::text_of(component)));
}

/// GET /isReady: 200 once every context has caught up, 503 before and while the process ends.
void is_ready(const host::System& system, const ProcessState& state, const Done& done) {
    if (state.stopping) {
        done(kernel::unavailable("the process is ending"));
    } else if (std::string reason = system.closed_gate(); !reason.empty()) {
        done(kernel::unavailable(reason));
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
        http::Problem problem = kernel::problem(500, fault);
        problem.headers.push_back({"Connection", "close"});  // as in the original
        done(std::move(problem));
    }
}

kernel::Endpoint health_endpoint(const host::System& system, const ProcessState& state) {
    return endpoint(
        http::Audience::probes,
        "/actuator/health",
        {.tag = {},
         .id = "health",
         .summary = "How the contexts are",
         .replies =
             {{.status = 200,
               .description = "UP; a context that an operator stopped does not count",
               .type = "application/json",
               .schema = kernel::schema_of<HealthResource>()},
              {.status = 503,
               .description = "something is DOWN",
               .type = "application/json",
               .schema = kernel::schema_of<HealthResource>(),
               .headers = {"Retry-After"}}}},
        [&system, &state](const Request& request, const Done& done) {
            health(system, state, request, done);
        },
        http::Produces::json
    );
}

kernel::Endpoint component_endpoint(
    const std::string& name,
    std::string summary,
    std::function<void(const Request&, const Done&)> handler
) {
    return endpoint(
        http::Audience::operators,
        "/actuator/health/" + name,
        {.tag = {},
         .id = "healthOf" + kernel::joined_words(name),
         .summary = std::move(summary),
         .replies =
             {{.status = 200,
               .description = "UP or STOPPED",
               .type = "application/json",
               .schema = kernel::schema_of<ComponentResource>()},
              {.status = 503,
               .description = "DOWN",
               .type = "application/json",
               .schema = kernel::schema_of<ComponentResource>(),
               .headers = {"Retry-After"}}}},
        std::move(handler),
        http::Produces::json
    );
}

kernel::Endpoint ready_endpoint(const host::System& system, const ProcessState& state) {
    return endpoint(
        http::Audience::probes,
        "/isReady",
        {.tag = {},
         .id = "isReady",
         .summary = "Whether it may be sent requests",
         .replies =
             {{.status = 200, .description = "every context has caught up"},
              {.status = 503, .description = "it is starting, or ending", .headers = {"Retry-After"}
              }}},
        [&system, &state](const Request&, const Done& done) { is_ready(system, state, done); }
    );
}

kernel::Endpoint healthy_endpoint(const ProcessState& state) {
    return endpoint(
        http::Audience::probes,
        "/isHealthy",
        {.tag = {},
         .id = "isHealthy",
         .summary = "Whether it is to be left alone",
         .replies =
             {{.status = 200, .description = "it is well"},
              {.status = 500, .description = "it is to be restarted, and why"}}},
        [&state](const Request&, const Done& done) { is_healthy(state, done); }
    );
}

kernel::Endpoint zombie_endpoint(ProcessState& state) {
    kernel::Endpoint result = endpoint(
        http::Audience::operators,
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

void describe_as_probe(kernel::Endpoint& health) {
    health.operation.summary = "Whether all of it is well";
    for (kernel::Reply& reply : health.operation.replies) {
        if (!reply.schema.empty()) {
            reply.schema = kernel::schema_of<HealthProbe>();
        }
    }
}

std::vector<kernel::Endpoint> health_endpoints(host::System& system, ProcessState& state) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(health_endpoint(system, state));
    const auto add = [&](const std::string& name, std::string summary, std::size_t place) {
        endpoints.push_back(component_endpoint(
            name,
            std::move(summary),
            [&system, &state, place](const Request&, const Done& done) {
                health_of_one(system, state, place, done);
            }
        ));
    };
    for (std::size_t place = 0; place < system.modules().size(); ++place) {
        const std::string name = name_of(system, place);
        add(name, fmt::format("How the {} context is", name), place);
    }
    add("relay", "How the relay is", system.relay_place());
    if (system.mirror() != nullptr) {
        endpoints.push_back(component_endpoint(
            "kafka",
            "How the brokers are",
            [&system](const Request&, const Done& done) {
                const ComponentResource component = kafka_of(system);
                done(health_response(
                    component.status != ComponentStatus::down, json::text_of(component)
                ));
            }
        ));
    }
    endpoints.push_back(ready_endpoint(system, state));
    endpoints.push_back(healthy_endpoint(state));
    endpoints.push_back(zombie_endpoint(state));
    return endpoints;
}

}  // namespace bookstore::operations
