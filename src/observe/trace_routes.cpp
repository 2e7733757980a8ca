#include "observe/trace_routes.hpp"

#include <utility>

#include "kernel/hal.hpp"
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

constexpr auto schema = R"({
    "type": "object",
    "required": [
        "orderId", "orderStatus", "start_ms", "lasted_ms", "entries", "waiting", "complete",
        "missing", "_links"
    ],
    "properties": {
        "orderId": {"type": "integer"},
        "orderStatus": {"type": "string"},
        "start_ms": {"type": "integer", "description": "ms since 1970"},
        "lasted_ms": {"type": "integer"},
        "entries": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "at_ms", "since_start_ms", "gap_ms", "took_ms", "kind", "name", "context",
                    "position", "trace_id", "detail"
                ],
                "properties": {
                    "at_ms": {"type": "integer", "description": "ms since 1970: when it began"},
                    "since_start_ms": {"type": "integer", "minimum": 0},
                    "gap_ms": {"type": "integer", "minimum": 0, "description": "since the one before"},
                    "took_ms": {
                        "type": ["integer", "null"],
                        "minimum": 0,
                        "description": "until it was answered, relayed, committed, or ended; null: not known"
                    },
                    "kind": {"type": "string", "enum": ["request", "event", "handler", "task"]},
                    "name": {"type": "string"},
                    "context": {"type": "string"},
                    "position": {
                        "type": ["integer", "null"],
                        "description": "in the topic, of the event, or of what is handled"
                    },
                    "trace_id": {"type": "string"},
                    "detail": {"type": "string"}
                }
            }
        },
        "waiting": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "context", "detail", "attempts", "next_try_ms"],
                "properties": {
                    "name": {"type": "string"},
                    "context": {"type": "string"},
                    "detail": {"type": "string"},
                    "attempts": {"type": "integer"},
                    "next_try_ms": {"type": ["integer", "null"]}
                }
            }
        },
        "complete": {"type": "boolean"},
        "missing": {"type": "array", "items": {"type": "string"}},
        "_links": {"$ref": "#/components/schemas/LinkMap"}
    }
})";

}  // namespace

kernel::Endpoint trace_endpoint(host::System& system, const TraceRequests& requests) {
    kernel::Endpoint endpoint;
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
            {{.status = 200, .description = "the timeline", .type = "hal", .schema = schema},
             {.status = 404, .description = "there is no such order"}}
    };
    return endpoint;
}

}  // namespace bookstore::observe
