#include "kernel/rebuild_routes.hpp"

#include <memory>
#include <utility>

#include "kernel/cross_origin.hpp"
#include "kernel/hal.hpp"
#include "kernel/module.hpp"
#include "kernel/rebuild.hpp"
#include "kernel/schema.hpp"

namespace bookstore::kernel {
namespace {

/// A rebuild as operators see it.
struct RebuildResource {
    static constexpr std::string_view schema_name = "Rebuild";
    std::string name;
    Rebuild::State state{};
    std::int64_t position = 0;
    std::int64_t end = 0;
    std::optional<json::Timestamp> started_at;
    std::optional<json::Timestamp> ended_at;
    json::Omittable<std::string> failure;
    LinkMap _links;
};
BOOST_DESCRIBE_STRUCT(
    RebuildResource, (), (name, state, position, end, started_at, ended_at, failure, _links)
)

std::optional<json::Timestamp> timestamp(std::optional<std::int64_t> ms) {
    return ms ? std::optional(json::Timestamp{*ms}) : std::nullopt;
}

http::Response shown(const http::Request& request, const Rebuild& rebuild, int status) {
    const Rebuild::Progress progress = rebuild.progress();
    RebuildResource resource{
        .name = rebuild.name(),
        .state = progress.state,
        .position = progress.position,
        .end = progress.end,
        .started_at = timestamp(progress.started_ms),
        .ended_at = timestamp(progress.ended_ms),
        .failure = {},
        ._links = {}
    };
    if (!progress.reason.empty()) {
        resource.failure = progress.reason;
    }
    resource._links.add("self", request.base_url() + "/rebuilds/" + rebuild.name());
    return hal_response(request, json::text_of(resource), status);
}

void add_progress(Module& module, const std::string& name, std::function<Rebuild&()> rebuild) {
    Endpoint progress{.route = {.audience = http::Audience::operators}};
    progress.route.pattern = "/rebuilds/" + name;
    progress.operation = {
        .tag = "rebuilds",
        .id = "getRebuildOf" + joined_words(name),
        .summary = "How far the last rebuild came",
        .replies =
            {{.status = 200,
              .description = "its progress",
              .type = "hal",
              .schema = schema_of<RebuildResource>()}}
    };
    module.query(
        std::move(progress),
        [rebuild = std::move(rebuild)](const http::Request& request, storage::Connection&) {
            return shown(request, rebuild(), 200);
        }
    );
}

Endpoint begin_endpoint(const std::string& name) {
    Endpoint begin{.route = {.audience = http::Audience::operators}};
    begin.route.method = http::Method::post;
    begin.route.pattern = "/rebuilds/" + name;
    begin.operation = {
        .tag = "rebuilds",
        .id = "rebuild" + joined_words(name),
        .summary = "Rebuild the read model from the event log",
        .description = "The rows that are there are served until the new ones take their place.",
        .replies =
            {{.status = 202,
              .description = "it has begun",
              .type = "hal",
              .schema = schema_of<RebuildResource>(),
              .headers = {"Location"}},
             {.status = 403, .description = "a page of another origin sent it"},
             {.status = 409,
              .description = "one is under way, or what the last one left is being removed"},
             {.status = 507, .description = "the disk has no room for a second table"}}
    };
    return begin;
}

Endpoint cancel_endpoint(const std::string& name) {
    Endpoint cancel{.route = {.audience = http::Audience::operators}};
    cancel.route.method = http::Method::del;
    cancel.route.pattern = "/rebuilds/" + name;
    cancel.operation = {
        .tag = "rebuilds",
        .id = "cancelRebuildOf" + joined_words(name),
        .summary = "Cancel the rebuild that is under way",
        .description = "What it has built is removed; the rows that are served stay as they are.",
        .replies =
            {{.status = 200,
              .description = "it is canceled",
              .type = "hal",
              .schema = schema_of<RebuildResource>()},
             {.status = 403, .description = "a page of another origin sent it"},
             {.status = 409, .description = "none is under way"}}
    };
    return cancel;
}

/// The write may be run twice: what it began the first time (`begun`) is no other one.
http::Answer begin(const http::Request& request, Rebuild& rebuild, bool& begun) {
    if (!begun) {
        if (const auto refusal = rebuild.begin()) {
            return problem(refusal->no_room ? 507 : 409, refusal->why);
        }
        begun = true;
    }
    auto response = shown(request, rebuild, 202);
    response.headers.push_back({"Location", request.base_url() + "/rebuilds/" + rebuild.name()});
    return response;
}

/// As begin().
http::Answer cancel(const http::Request& request, Rebuild& rebuild, bool& canceled) {
    canceled = canceled || rebuild.cancel();
    if (!canceled) {
        return problem(409, "no rebuild of " + rebuild.name() + " is under way");
    }
    return shown(request, rebuild, 200);
}

/// A command that does that in its write.
Command command_of(
    std::function<Rebuild&()> rebuild, http::Answer (*act)(const http::Request&, Rebuild&, bool&)
) {
    return [rebuild = std::move(rebuild),
            act](const http::Request& request, const storage::Reader&) -> Next {
        if (auto problem = refuse_cross_origin(request)) {
            return {std::move(*problem)};
        }
        const auto acted = std::make_shared<bool>(false);
        return {Write{[&request, rebuild, act, acted](bus::UnitOfWork&) {
            return act(request, rebuild(), *acted);
        }}};
    };
}

}  // namespace

void add_rebuild_routes(
    Module& module, const std::string& name, std::function<Rebuild&()> rebuild
) {
    module.command(begin_endpoint(name), command_of(rebuild, begin));
    module.command(cancel_endpoint(name), command_of(rebuild, cancel));
    add_progress(module, name, std::move(rebuild));
}

}  // namespace bookstore::kernel
