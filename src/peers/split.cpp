#include "peers/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "kernel/cross_origin.hpp"
#include "kernel/module.hpp"
#include "peers/forward.hpp"

namespace bookstore::peers {
namespace {

using http::Done;
using http::Handler;
using http::Request;
using kernel::Endpoint;

/// Says which process it is.
Done signed_by(const Split& split, Done done) {
    return [&split, done = std::move(done)](http::Answer answer) {
        const http::Header signature{std::string(answered_by), split.peers.process()};
        std::visit([&signature](auto& either) { either.headers.push_back(signature); }, answer);
        done(std::move(answer));
    };
}

Endpoint& endpoint_of(
    std::vector<Endpoint>& endpoints, std::string_view pattern, http::Method method
) {
    return *std::ranges::find_if(endpoints, [&](const Endpoint& endpoint) {
        return endpoint.route.pattern == pattern && endpoint.route.method == method;
    });
}

/// Peers are answered from this process alone, and so are probes; operators from all of them.
void span(Split& split, Endpoint& endpoint, Spanning spanning) {
    endpoint.route.handler = [&split,
                              alone = std::move(endpoint.route.handler),
                              spanning](const Request& request, Done done) {
        if (is_asked_by_peer(request)) {
            alone(request, signed_by(split, std::move(done)));
        } else if (!request.is_by_operators()) {
            alone(request, std::move(done));  // a probe is about this process, and tells no more
        } else {
            spanning(split, alone, request, done);
        }
    };
}

/// The reply of 200, whose schema says what the answer is like.
kernel::Schema& shown_schema(Endpoint& endpoint) {
    return std::ranges::find(endpoint.operation.replies, 200, &kernel::Reply::status)->schema;
}

void add_replies(Endpoint& endpoint) {
    const bool acts = endpoint.route.method != http::Method::get;
    kernel::add_reply(
        endpoint.operation,
        {.status = 502, .description = "the process that hosts it does not answer properly"}
    );
    kernel::add_reply(
        endpoint.operation,
        {.status = 503,
         .description = "the process that hosts it does not answer",
         .headers = {"Retry-After"}}
    );
    if (acts) {
        kernel::add_reply(
            endpoint.operation,
            {.status = 504, .description = "it did not answer in time, and may have done it"}
        );
    }
}

/// What the path's name is about goes to the process that hosts it.
void act_on_module(Split& split, const Handler& alone, const Request& request, const Done& done) {
    const std::string& name = request.captures.at(0);
    if (split.system.find(name) != nullptr || !is_context(split, name)) {
        alone(request, done);
    } else {
        forward_to_context(split, name, request, done);
    }
}

/// By the subscription in its id, "order-12".
void act_on_parked(Split& split, const Handler& alone, const Request& request, const Done& done) {
    const std::string& id = request.captures.at(0);
    const std::string name = id.substr(0, id.rfind('-'));
    const bool here = std::ranges::any_of(split.system.modules(), [&name](const auto& module) {
        return std::ranges::any_of(module->subscriptions(), [&name](const auto& subscription) {
            return subscription->name() == name;
        });
    });
    if (here || name.empty() || name == id) {
        alone(request, done);
        return;
    }
    forward_to_owner(
        split,
        "who would hold " + id,
        [name](const Hosted& hosted) {
            return std::ranges::find(hosted.subscriptions, name) != hosted.subscriptions.end();
        },
        request,
        done,
        [&alone, &request, done] { alone(request, done); }
    );
}

/// An endpoint of a context that another process hosts.
Endpoint elsewhere(Split& split, Endpoint endpoint, const std::string& context) {
    kernel::describe_server(endpoint);
    add_replies(endpoint);
    endpoint.route.handler = [&split, context](const Request& request, const Done& done) {
        if (is_asked_by_peer(request)) {
            signed_by(split, done)(
                kernel::problem(404, fmt::format("the {} context is not hosted here", context))
            );
        } else {
            forward_to_context(split, context, request, done);
        }
    };
    return endpoint;
}

Endpoint component_elsewhere(const Endpoint& other, const std::string& context) {
    Endpoint endpoint{.route = {.audience = other.route.audience}};
    endpoint.route.pattern = "/actuator/health/" + context;
    endpoint.route.produces = other.route.produces;
    endpoint.operation = {
        .tag = other.operation.tag,
        .id = "healthOf" + kernel::joined_words(context),
        .summary = fmt::format("How the {} context is", context),
        .replies =
            {*std::ranges::find(other.operation.replies, 200, &kernel::Reply::status),
             *std::ranges::find(other.operation.replies, 503, &kernel::Reply::status)}
    };
    return endpoint;
}

/// The health and the rebuilds of contexts that are not hosted here.
void add_elsewhere(Split& split, std::vector<Endpoint>& endpoints) {
    const Endpoint relay = endpoint_of(endpoints, "/actuator/health/relay", http::Method::get);
    const SystemClock clock;
    SystemRandom random;
    for (const kernel::Context& context : split.system.contexts()) {
        if (split.system.find(context.name) != nullptr) {
            continue;
        }
        endpoints.push_back(elsewhere(split, component_elsewhere(relay, context.name), context.name)
        );
        kernel::Module declared(context.name, clock, random);
        kernel::Wiring wiring;
        context.install(declared, wiring);
        for (const auto& route : declared.declarations().routes) {
            if (route.endpoint.operation.tag == "rebuilds") {
                Endpoint rebuild = route.endpoint;
                kernel::describe_context(
                    rebuild, std::holds_alternative<kernel::Command>(route.how)
                );
                endpoints.push_back(elsewhere(split, std::move(rebuild), context.name));
            }
        }
    }
}

void span_trace(Split& split, Endpoint& endpoint) {
    endpoint.route.handler = [&split, alone = std::move(endpoint.route.handler)](
                                 const Request& request, const Done& done
                             ) {
        if (!is_asked_by_peer(request)) {
            trace_of_all(split, alone, request, done);
            return;
        }
        http::Answer part;
        try {
            part = trace_part(split, request);
        } catch (...) {
            part = kernel::problem_of(std::current_exception(), request.target);
        }
        signed_by(split, done)(std::move(part));
    };
}

}  // namespace

bool is_context(const Split& split, std::string_view name) {
    const auto& contexts = split.system.contexts();
    return std::ranges::find(contexts, name, &kernel::Context::name) != contexts.end();
}

std::vector<Absent> absent_contexts(
    const Split& split, const std::set<std::string>& seen, std::span<const std::size_t> silent
) {
    std::vector<std::size_t> never_heard;
    for (const std::size_t peer : silent) {
        if (!split.peers.state(peer).was_heard) {
            never_heard.push_back(peer);
        }
    }
    std::vector<Absent> absent;
    for (const kernel::Context& context : split.system.contexts()) {
        if (seen.contains(context.name)) {
            continue;
        }
        const auto host = std::ranges::find_if(silent, [&](std::size_t peer) {
            const auto state = split.peers.state(peer);
            return std::ranges::find(state.contexts, context.name) != state.contexts.end();
        });
        if (host != silent.end()) {
            absent.push_back({context.name, *host});
        } else if (never_heard.size() == 1) {
            absent.push_back({context.name, never_heard.front()});
        } else if (!never_heard.empty()) {
            absent.push_back({context.name, std::nullopt});
        }
    }
    return absent;
}

std::string reason_of(const Split& split, const Absent& absent) {
    if (absent.peer) {
        return split.peers.state(*absent.peer).reason;
    }
    return "it may be at one of the processes that do not answer";
}

void join(Split& split, std::vector<Endpoint>& endpoints) {
    using http::Method;
    const auto at = [&endpoints](std::string_view pattern, Method method) -> Endpoint& {
        return endpoint_of(endpoints, pattern, method);
    };
    split.modules = shown_schema(at("/modules", Method::get));
    split.health = shown_schema(at("/actuator/health", Method::get));
    split.parked = shown_schema(at("/parked", Method::get));
    add_elsewhere(split, endpoints);

    Endpoint& modules = at("/modules", Method::get);
    span(split, modules, modules_of_all);
    shown_schema(modules) = module_list_of_split(split.modules);
    Endpoint& module = at("/modules/{name}", Method::get);
    span(split, module, module_of_one);
    shown_schema(module) = module_of_split(split.modules);
    for (const std::string_view action : {"stop", "start", "parked/retry", "parked/skip"}) {
        Endpoint& endpoint = at(fmt::format("/modules/{{name}}/{}", action), Method::post);
        span(split, endpoint, act_on_module);
        add_replies(endpoint);
    }
    Endpoint& parked = at("/parked", Method::get);
    span(split, parked, parked_of_all);
    shown_schema(parked) = parked_of_split(split.parked);
    for (const auto& [pattern, method] :
         {std::pair("/parked/{id}", Method::get),
          std::pair("/parked/{id}/retry", Method::post),
          std::pair("/parked/{id}/skip", Method::post)}) {
        Endpoint& endpoint = at(pattern, method);
        span(split, endpoint, act_on_parked);
        add_replies(endpoint);
    }
    Endpoint& health = at("/actuator/health", Method::get);
    span(split, health, health_of_all);
    // As they answer a peer, who says UP or DOWN of all of it.
    for (kernel::Reply& reply : health.operation.replies) {
        if (!reply.schema.empty()) {
            reply.schema = health_of_split(split.health);
        }
    }
    span_trace(split, at("/trace/orders/{id}", Method::get));
}

}  // namespace bookstore::peers
