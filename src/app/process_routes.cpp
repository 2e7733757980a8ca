#include "app/process_routes.hpp"

#include <fmt/format.h>

#include "kernel/hal.hpp"

namespace bookstore::app {
namespace {

using http::Done;
using http::Request;

constexpr std::string_view collections[] = {
    "customers",
    "myPages",
    "books",
    "stockInputs",
    "deliverables",
    "orders",
    "deliveries",
    "payments",
    "paymentHistories"
};

http::Route route(
    std::string pattern,
    std::function<void(const Request&, const Done&)> handler,
    http::Produces produces = http::Produces::nothing,
    bool head = true
) {
    return {
        .method = http::Method::get,
        .pattern = std::move(pattern),
        .produces = produces,
        .consumes = http::Consumes::nothing,
        .head = head,
        .handler = std::move(handler)
    };
}

/// GET /: a link per collection.
void index(const Request& request, const Done& done) {
    http::Response response;
    response.content_type = kernel::hal_type(request);
    std::string& out = response.body;
    out += R"({"_links":{)";
    for (const std::string_view collection : collections) {
        out += fmt::format(R"("{}":{{"href":)", collection);
        json::append(out, fmt::format("{}/{}{{?page,size,sort}}", request.origin(), collection));
        out += R"(,"templated":true},)";
    }
    out += R"("profile":{"href":)";
    json::append(out, request.origin() + "/profile");
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

}  // namespace

std::vector<http::Route> process_routes(System& system, ProcessState& state) {
    std::vector<http::Route> routes;
    routes.push_back(route("/", index, http::Produces::hal));
    routes.push_back(route(
        "/actuator/health",
        [&system](const Request&, const Done& done) { health(system, done); },
        http::Produces::json
    ));
    routes.push_back(route("/isReady", [&](const Request&, const Done& done) {
        is_ready(system, state, done);
    }));
    routes.push_back(route("/isHealthy", [&](const Request&, const Done& done) {
        is_healthy(system, state, done);
    }));
    routes.push_back(route(
        "/makeZombie",
        [&state](const Request& request, const Done& done) {
            if (auto problem = kernel::refuse_cross_origin(request)) {
                done(std::move(*problem));
                return;
            }
            state.zombie = true;
            done(http::Response{});
        },
        http::Produces::nothing,
        false
    ));
    return routes;
}

}  // namespace bookstore::app
