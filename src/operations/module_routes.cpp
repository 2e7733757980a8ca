#include "operations/module_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "kernel/cross_origin.hpp"
#include "kernel/hal.hpp"

namespace bookstore::operations {
namespace {

using http::Done;
using http::Request;
using kernel::append_link;
using kernel::hal_response;
using kernel::HostedModule;

constexpr auto module_schema = R"({
    "type": "object",
    "required": ["name", "state", "outboxDepth", "held", "parked", "subscriptions", "_links"],
    "properties": {
        "name": {"type": "string"},
        "state": {"type": "string", "enum": ["STARTING", "RUNNING", "STOPPED"]},
        "outboxDepth": {"type": "integer", "minimum": 0},
        "held": {"type": "integer", "minimum": 0},
        "parked": {"type": "integer", "minimum": 0},
        "subscriptions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "position", "lagEvents", "lagSeconds", "held", "parked"],
                "properties": {
                    "name": {"type": "string"},
                    "position": {"type": "integer", "minimum": 0},
                    "lagEvents": {"type": "integer", "minimum": 0},
                    "lagSeconds": {"type": "number", "minimum": 0},
                    "held": {"type": "integer", "minimum": 0},
                    "parked": {"type": "integer", "minimum": 0}
                }
            }
        },
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

std::string_view word_of(HostedModule::State state) {
    switch (state) {
        case HostedModule::State::starting:
            return "STARTING";
        case HostedModule::State::running:
            return "RUNNING";
        case HostedModule::State::stopped:
            return "STOPPED";
    }
    return "STOPPED";
}

std::string subscription_object(
    const bus::Subscription& subscription, const bus::HeldTable::Counts& held, std::int64_t now_ms
) {
    const std::int64_t lag = subscription.lag();
    const std::int64_t since_ms = subscription.waiting_since_ms().value_or(now_ms);
    return fmt::format(
        R"({{"name":"{}","position":{},"lagEvents":{},"lagSeconds":{:.3f},"held":{},"parked":{}}})",
        subscription.name(),
        subscription.position(),
        lag,
        static_cast<double>(std::max<std::int64_t>(now_ms - since_ms, 0)) / 1000,
        held.held,
        held.parked
    );
}

/// {"name":"order","state":"RUNNING",...}
std::string module_object(HostedModule& module, const std::string& base_url) {
    const std::int64_t now_ms = module.module().clock().now_ms();
    std::string subscriptions;
    bus::HeldTable::Counts held;
    const storage::Reader reader = module.database().read();
    for (const auto& subscription : module.subscriptions()) {
        const auto counts = subscription->held().counts(*reader);
        held.held += counts.held;
        held.parked += counts.parked;
        subscriptions += subscriptions.empty() ? "" : ",";
        subscriptions += subscription_object(*subscription, counts, now_ms);
    }
    const HostedModule::State state = module.state();
    std::string out = fmt::format(
        R"({{"name":"{}","state":"{}","outboxDepth":{},"held":{},"parked":{},"subscriptions":[{}],)",
        module.name(),
        word_of(state),
        std::max<std::int64_t>(module.outbox().depth(), 0),
        held.held,
        held.parked,
        subscriptions
    );
    const std::string self = fmt::format("{}/modules/{}", base_url, module.name());
    out += R"("_links":{)";
    append_link(out, "self", self);
    const std::string_view action = state == HostedModule::State::stopped ? "start" : "stop";
    append_link(out, action, fmt::format("{}/{}", self, action));
    append_link(out, "parked", fmt::format("{}/parked?module={}", base_url, module.name()));
    out.back() = '}';
    return out + "}";
}

/// GET /modules: all that this process hosts, in the order in which they start.
http::Answer list(host::System& system, const Request& request) {
    std::string out = R"({"_embedded":{"modules":[)";
    for (const auto& module : system.modules()) {
        out += module_object(*module, request.base_url()) + ",";
    }
    out.back() = ']';
    out += R"(},"_links":{"self":{"href":)";
    json::append(out, request.base_url() + "/modules");
    return hal_response(request, out + "}}}");
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
        answer_with(request, done, [&]() -> http::Answer {
            return hal_response(request, module_object(*module, request.base_url()));
        });
    });
}

kernel::Endpoint endpoint(std::string pattern, kernel::Operation operation) {
    kernel::Endpoint result;
    result.route.pattern = std::move(pattern);
    result.operation = std::move(operation);
    result.operation.tag = "modules";
    return result;
}

kernel::Reply module_reply(std::string description) {
    return {
        .status = 200, .description = std::move(description), .type = "hal", .schema = module_schema
    };
}

kernel::Endpoint list_endpoint(host::System& system) {
    const std::string schema = fmt::format(
        R"({{"type":"object","required":["_embedded","_links"],"properties":{{
            "_embedded":{{"type":"object","required":["modules"],"properties":{{
                "modules":{{"type":"array","items":{}}}}}}},
            "_links":{{"$ref":"#/components/schemas/LinkMap"}}}}}})",
        module_schema
    );
    auto result = endpoint(
        "/modules",
        {.tag = {},
         .id = "modules",
         .summary = "The contexts, how they are, and how far behind the events",
         .replies = {{.status = 200, .description = "all of them", .type = "hal", .schema = schema}}
        }
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
            return hal_response(request, module_object(**module, request.base_url()));
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
        .schema = R"({"type":"string","pattern":"^[a-z0-9_]+$"})",
        .example = fmt::format(R"("{}")", system.modules().back()->name())
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
