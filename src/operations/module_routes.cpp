#include "operations/module_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "kernel/cross_origin.hpp"
#include "kernel/hal.hpp"
#include "kernel/schema.hpp"

namespace bookstore::operations {
namespace {

using http::Done;
using http::Request;
using kernel::hal_response;
using kernel::HostedModule;

struct SubscriptionResource {
    static constexpr std::string_view schema_name = "Subscription";
    std::string name;
    std::int64_t position = 0;
    std::int64_t lag_events = 0;
    json::Thousandths lag_seconds;
    std::int64_t held = 0;
    std::int64_t parked = 0;
};
BOOST_DESCRIBE_STRUCT(
    SubscriptionResource, (), (name, position, lag_events, lag_seconds, held, parked)
)

/// A context as operators see it.
struct ModuleResource {
    static constexpr std::string_view schema_name = "Module";
    std::string name;
    HostedModule::State state{};
    std::int64_t outbox_depth = 0;
    std::int64_t held = 0;
    std::int64_t parked = 0;
    std::vector<SubscriptionResource> subscriptions;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(
    ModuleResource, (), (name, state, outbox_depth, held, parked, subscriptions, _links)
)

struct EmbeddedModules {
    static constexpr std::string_view schema_name = "ModuleEmbedded";
    std::vector<ModuleResource> modules;
};
BOOST_DESCRIBE_STRUCT(EmbeddedModules, (), (modules))

struct ModuleList {
    static constexpr std::string_view schema_name = "ModuleList";
    EmbeddedModules _embedded;
    kernel::LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(ModuleList, (), (_embedded, _links))

SubscriptionResource resource_of(
    const bus::Subscription& subscription, const bus::HeldTable::Counts& held, std::int64_t now_ms
) {
    const std::int64_t lag = subscription.lag();
    const std::int64_t since_ms = subscription.waiting_since_ms().value_or(now_ms);
    return {
        .name = std::string(subscription.name()),
        .position = subscription.position(),
        .lag_events = lag,
        .lag_seconds = {std::max<std::int64_t>(now_ms - since_ms, 0)},
        .held = held.held,
        .parked = held.parked
    };
}

kernel::LinkMap links_of(
    const HostedModule& module, HostedModule::State state, const std::string& base_url
) {
    const std::string self = fmt::format("{}/modules/{}", base_url, module.name());
    const std::string action = state == HostedModule::State::stopped ? "start" : "stop";
    kernel::LinkMap links;
    links.add("self", self);
    links.add(action, fmt::format("{}/{}", self, action));
    links.add("parked", fmt::format("{}/parked?module={}", base_url, module.name()));
    return links;
}

ModuleResource resource_of(HostedModule& module, const std::string& base_url) {
    const std::int64_t now_ms = module.module().clock().now_ms();
    ModuleResource resource;
    const storage::Reader reader = module.read_for_client();
    for (const auto& subscription : module.subscriptions()) {
        const auto counts = subscription->held().counts(*reader);
        resource.held += counts.held;
        resource.parked += counts.parked;
        resource.subscriptions.push_back(resource_of(*subscription, counts, now_ms));
    }
    resource.name = module.name();
    resource.state = module.state();
    resource.outbox_depth = std::max<std::int64_t>(module.outbox().depth(), 0);
    resource._links = links_of(module, resource.state, base_url);
    return resource;
}

http::Response shown(const Request& request, HostedModule& module) {
    return hal_response(request, json::text_of(resource_of(module, request.base_url())));
}

/// GET /modules: all that this process hosts, in the order in which they start.
http::Answer list(host::System& system, const Request& request) {
    ModuleList all;
    for (const auto& module : system.modules()) {
        all._embedded.modules.push_back(resource_of(*module, request.base_url()));
    }
    all._links.add("self", request.base_url() + "/modules");
    return hal_response(request, json::text_of(all));
}

/// POST /modules/{name}/stop and /start: the context as it is then. It is no error when it was so
/// before.
void change(
    host::System& system,
    void (HostedModule::*action)(std::function<void()>),
    const Request& request,
    const Done& done
) {
    if (auto problem = kernel::refuse_cross_origin(request)) {
        done(std::move(*problem));
        return;
    }
    const auto module = module_in_path(system, request);
    if (!module) {
        done(module.error());
        return;
    }
    ((*module)->*action)([&request, module = *module, done] {
        answer_with(request, done, [&]() -> http::Answer { return shown(request, *module); });
    });
}

kernel::Endpoint endpoint(std::string pattern, kernel::Operation operation) {
    kernel::Endpoint result{.route = {.audience = http::Audience::operators}};
    result.route.pattern = std::move(pattern);
    result.operation = std::move(operation);
    result.operation.tag = "modules";
    return result;
}

kernel::Reply module_reply(std::string description) {
    return {
        .status = 200,
        .description = std::move(description),
        .type = "hal",
        .schema = kernel::schema_of<ModuleResource>()
    };
}

kernel::Endpoint list_endpoint(host::System& system) {
    auto result = endpoint(
        "/modules",
        {.tag = {},
         .id = "modules",
         .summary = "The contexts, how they are, and how far behind the events",
         .replies =
             {{.status = 200,
               .description = "all of them",
               .type = "hal",
               .schema = kernel::schema_of<ModuleList>()}}}
    );
    result.route.handler = [&system](const Request& request, const Done& done) {
        answer_with(request, done, [&] { return list(system, request); });
    };
    return result;
}

kernel::Endpoint show_endpoint(host::System& system) {
    auto result = endpoint(
        "/modules/{name}",
        {.tag = {},
         .id = "module",
         .summary = "One context",
         .parameters = {module_parameter(system)},
         .replies =
             {module_reply("the context"),
              {.status = 404, .description = "this process hosts no context of that name"}}}
    );
    result.route.handler = [&system](const Request& request, const Done& done) {
        answer_with(request, done, [&]() -> http::Answer {
            const auto module = module_in_path(system, request);
            if (!module) {
                return module.error();
            }
            return shown(request, **module);
        });
    };
    return result;
}

kernel::Endpoint change_endpoint(
    host::System& system,
    const std::string& verb,
    std::string summary,
    std::string description,
    void (HostedModule::*action)(std::function<void()>)
) {
    auto result = endpoint(
        "/modules/{name}/" + verb,
        {.tag = {},
         .id = verb + "Module",
         .summary = std::move(summary),
         .description = std::move(description),
         .parameters = {module_parameter(system)},
         .replies =
             {module_reply("the context as it is now; also when it was so before"),
              {.status = 403, .description = "a page of another origin sent it"},
              {.status = 404, .description = "this process hosts no context of that name"}}}
    );
    result.route.method = http::Method::post;
    result.route.handler = [&system, action](const Request& request, const Done& done) {
        change(system, action, request, done);
    };
    return result;
}

}  // namespace

std::expected<HostedModule*, http::Problem> module_in_path(
    host::System& system, const Request& request
) {
    const std::string& name = request.captures.at(0);
    std::string names;
    for (const auto& module : system.modules()) {
        if (module->name() == name) {
            return module.get();
        }
        names += (names.empty() ? "" : ", ") + module->name();
    }
    const bool word = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
    return std::unexpected(kernel::problem(
        word ? 404 : 400, fmt::format("there is no context of that name here, but {}", names)
    ));
}

kernel::Parameter module_parameter(const host::System& system) {
    return {
        .name = "name",
        .in = kernel::Parameter::In::path,
        .required = true,
        .description = "of a context",
        .schema = kernel::text_schema("^[a-z0-9_]+$"),
        .example = kernel::Schema(system.modules().back()->name())
    };
}

void answer_with(
    const Request& request, const Done& done, const std::function<http::Answer()>& answer
) {
    http::Answer given;
    try {
        given = answer();
    } catch (...) {
        given = kernel::problem_of(std::current_exception(), request.target);
    }
    done(std::move(given));
}

std::vector<kernel::Endpoint> module_endpoints(host::System& system) {
    std::vector<kernel::Endpoint> endpoints;
    endpoints.push_back(list_endpoint(system));
    endpoints.push_back(show_endpoint(system));
    endpoints.push_back(change_endpoint(
        system,
        "stop",
        "Let a context rest",
        "Its resources are 503, its subscriptions and tasks rest; what it published is still "
        "relayed, and nothing is lost. A new process starts it again.",
        &HostedModule::stop
    ));
    endpoints.push_back(change_endpoint(
        system,
        "start",
        "Let a context go on",
        "It reads the events that it missed; its resources are read at once, and written when it "
        "has caught up: until then its state is STARTING.",
        &HostedModule::resume
    ));
    return endpoints;
}

}  // namespace bookstore::operations
