#include "observe/trace_routes.hpp"

#include <boost/json/value.hpp>
#include <utility>

#include "kernel/hal.hpp"
#include "kernel/schema.hpp"
#include "observe/trace_resource.hpp"
#include "observe/trace_timeline.hpp"

namespace bookstore::observe {
namespace {

constexpr kernel::Resource orders{"orders", "order", "orderId", true};

http::Answer answer(
    host::System& system, const TraceRequests& requests, const http::Request& request
) {
    const auto id = kernel::path_id(request);
    if (!id) {
        return id.error();
    }
    const auto timeline = timeline_of(system, requests, *id);
    if (!timeline) {
        return kernel::not_found(orders, *id);
    }
    auto response = kernel::hal_response(request, timeline_json(*timeline, request.base_url()));
    response.headers.push_back({"Cache-Control", "no-store"});
    return response;
}

/// The described resource's, with what its names do not say.
kernel::Schema schema() {
    boost::json::object whole = kernel::schema_of<TimelineResource>().json().as_object();
    boost::json::value& members = whole.at("properties");
    const auto describe = [](boost::json::value& of, const char* name, const char* what) {
        of.at(name).as_object()["description"] = what;
    };
    describe(members, "start_ms", "ms since 1970");
    boost::json::value& entry = members.at("entries").at("items").at("properties");
    describe(entry, "at_ms", "ms since 1970: when it began");
    describe(entry, "gap_ms", "since the one before");
    describe(
        entry, "took_ms", "until it was answered, relayed, committed, or ended; null: not known"
    );
    describe(entry, "position", "in the topic, of the event, or of what is handled");
    return whole;
}

}  // namespace

kernel::Endpoint trace_endpoint(host::System& system, const TraceRequests& requests) {
    kernel::Endpoint endpoint{.route = {.audience = http::Audience::operators}};
    endpoint.route.pattern = "/trace/orders/{id}";
    endpoint.route.produces = http::Produces::hal;
    endpoint.route.handler = [&system,
                              &requests](const http::Request& request, const http::Done& done) {
        http::Answer result;
        try {
            result = answer(system, requests, request);
        } catch (...) {
            result = kernel::problem_of(std::current_exception(), request.target);
        }
        done(std::move(result));
    };
    endpoint.operation = {
        .tag = "process",
        .id = "traceOrder",
        .summary = "The timeline of one order",
        .description =
            "Every request that changed it, every event, handler and task, with their times in "
            "milliseconds. Requests and events are stored; other times are kept in memory, and "
            "what is not known any more is said in `missing`.",
        .replies =
            {{.status = 200, .description = "the timeline", .type = "hal", .schema = schema()},
             {.status = 404, .description = "there is no such order"}}
    };
    return endpoint;
}

}  // namespace bookstore::observe
