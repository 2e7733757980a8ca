#include "kernel/rebuild_routes.hpp"

#include <memory>
#include <utility>

#include "kernel/cross_origin.hpp"
#include "kernel/hal.hpp"
#include "kernel/module.hpp"
#include "kernel/rebuild.hpp"

namespace bookstore::kernel {
namespace {

constexpr auto rebuild_schema = R"({
    "type": "object",
    "required": ["name", "state", "position", "end", "startedAt", "endedAt", "_links"],
    "properties": {
        "name": {"type": "string"},
        "state": {"type": "string", "enum": ["none", "building", "done", "failed"]},
        "position": {"type": "integer", "minimum": 0},
        "end": {"type": "integer", "minimum": 0},
        "startedAt": {"type": ["string", "null"], "format": "date-time"},
        "endedAt": {"type": ["string", "null"], "format": "date-time"},
        "failure": {"type": "string"},
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

http::Response shown(const http::Request& request, const Rebuild& rebuild, int status) {
    const Rebuild::Progress progress = rebuild.progress();
    std::string out;
    const auto time = [](std::optional<std::int64_t> ms) {
        return ms ? std::optional(iso_timestamp(*ms)) : std::nullopt;
    };
    out += R"({"name":)";
    json::append(out, rebuild.name());
    out += R"(,"state":)";
    json::append(out, progress.state);
    out += R"(,"position":)";
    json::append(out, progress.position);
    out += R"(,"end":)";
    json::append(out, progress.end);
    out += R"(,"startedAt":)";
    json::append(out, time(progress.started_ms));
    out += R"(,"endedAt":)";
    json::append(out, time(progress.ended_ms));
    if (!progress.failure.empty()) {
        out += R"(,"failure":"see the log")";
    }
    out += R"(,"_links":{"self":{"href":)";
    json::append(out, request.base_url() + "/rebuilds/" + rebuild.name());
    return hal_response(request, out + "}}}", status);
}

void add_progress(Module& module, const std::string& name, std::function<Rebuild&()> rebuild) {
    Endpoint progress;
    progress.route.pattern = "/rebuilds/" + name;
    progress.operation =
        {.tag = "rebuilds",
         .id = "get-rebuild-of-" + name,
         .summary = "How far the last rebuild came",
         .replies = {
             {.status = 200, .description = "its progress", .type = "hal", .schema = rebuild_schema}
         }};
    module.query(
        std::move(progress),
        [rebuild = std::move(rebuild)](const http::Request& request, storage::Connection&) {
            return shown(request, rebuild(), 200);
        }
    );
}

Endpoint begin_endpoint(const std::string& name) {
    Endpoint begin;
    begin.route.method = http::Method::post;
    begin.route.pattern = "/rebuilds/" + name;
    begin.operation = {
        .tag = "rebuilds",
        .id = "rebuild-" + name,
        .summary = "Rebuild the read model from the event log",
        .description = "The rows that are there are served until the new ones take their place.",
        .replies =
            {{.status = 202,
              .description = "it has begun",
              .type = "hal",
              .schema = rebuild_schema,
              .headers = {"Location"}},
             {.status = 403, .description = "a page of another origin sent it"},
             {.status = 409, .description = "one is under way"}}
    };
    return begin;
}

/// The write may be run twice: what it began the first time (`begun`) is no other one.
http::Answer begin(const http::Request& request, Rebuild& rebuild, bool& begun) {
    begun = begun || rebuild.begin();
    if (!begun) {
        return problem(409, "a rebuild of " + rebuild.name() + " is under way");
    }
    auto response = shown(request, rebuild, 202);
    response.headers.push_back({"Location", request.base_url() + "/rebuilds/" + rebuild.name()});
    return response;
}

}  // namespace

void add_rebuild_routes(
    Module& module, const std::string& name, std::function<Rebuild&()> rebuild
) {
    module.command(
        begin_endpoint(name),
        [rebuild](const http::Request& request, const storage::Reader&) -> Next {
            if (auto problem = refuse_cross_origin(request)) {
                return {std::move(*problem)};
            }
            const auto begun = std::make_shared<bool>(false);
            return {Write{[&request, rebuild, begun](bus::UnitOfWork&) {
                return begin(request, rebuild(), *begun);
            }}};
        }
    );
    add_progress(module, name, std::move(rebuild));
}

}  // namespace bookstore::kernel
