#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tools/operator_json.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

struct Options {
    std::string action;  ///< list, retry or skip
    std::string id;      ///< retry, skip: one event; empty: all of `module`
    std::string module;  ///< list: its alone, if given
    bool parked_only = false;
    std::string reason;  ///< skip: why
    ServerPlace server;
};

/// "?module=order&state=PARKED"
std::string query_of(const Options& options, std::int64_t page) {
    std::string query = fmt::format("?page={}&size=1000", page);
    query += options.module.empty() ? "" : "&module=" + options.module;
    query += options.parked_only ? "&state=PARKED" : "";
    return query;
}

int list_parked(const Options& options) {
    const ServerClient client(options.server);
    constexpr auto row = "{:<24} {:<8} {:<22} {:<12} {:>8}  {:<20} {}\n";
    std::int64_t pages = 1;
    for (std::int64_t page = 0; page < pages; ++page) {
        const auto body = client.object({.target = "/parked" + query_of(options, page)});
        if (const auto* missing = body.if_contains("missing"); missing != nullptr && page == 0) {
            for (const auto& what : missing->as_array()) {
                fmt::print("not known: {}\n", std::string_view(what.as_string()));
            }
        }
        const auto& numbers = body.at("page").as_object();
        pages = number(numbers, "totalPages");
        if (number(numbers, "totalElements") == 0) {
            fmt::print("no event is held\n");
            return 0;
        }
        if (page == 0) {
            fmt::print(row, "ID", "STATE", "EVENT", "KEY", "ATTEMPTS", "NEXT TRY", "ERROR");
        }
        for (const auto& each : body.at("_embedded").at("parked").as_array()) {
            const auto& held = each.as_object();
            const auto& event = held.at("event").as_object();
            fmt::print(
                row,
                text(held, "id"),
                text(held, "state"),
                text(event, "type"),
                text(event, "key"),
                number(held, "attempts"),
                text(held, "nextTry"),
                text(held, "error")
            );
        }
    }
    return 0;
}

int retry_or_skip(const Options& options) {
    if (options.id.empty() == options.module.empty()) {
        throw std::runtime_error(fmt::format(
            "parked {} wants the id of one event, or --module NAME for all that it has parked",
            options.action
        ));
    }
    if (options.action == "skip" && options.reason.empty()) {
        throw std::runtime_error("parked skip wants --reason TEXT: why, for the record");
    }
    ServerRequest request{.method = http::Method::post, .target = {}};
    request.target = options.id.empty()
                         ? fmt::format("/modules/{}/parked/{}", options.module, options.action)
                         : fmt::format("/parked/{}/{}", options.id, options.action);
    if (options.action == "skip") {
        request.body = boost::json::serialize(boost::json::object{{"reason", options.reason}});
    }
    const auto answer = ServerClient(options.server).object(request);
    if (options.id.empty()) {
        fmt::print(
            "{}: {} events, {} still parked\n",
            text(answer, "module"),
            number(answer, "count"),
            number(answer, "parked")
        );
    } else {
        fmt::print("{}: {}\n", text(answer, "id"), text(answer, "state"));
    }
    return 0;
}

}  // namespace

Run declare_parked(CLI::App& app, const Program& /*program*/) {
    auto options = std::make_unique<Options>();
    app.add_option("action", options->action, "list, retry or skip")
        ->required()
        ->check(CLI::IsMember({"list", "retry", "skip"}));
    app.add_option("id", options->id, "Of one event, as list prints it: order-12");
    app.add_option("--module", options->module, "All that this context has parked; list: holds");
    app.add_flag("--parked-only", options->parked_only, "list: without those tried again");
    app.add_option("--reason", options->reason, "skip: why; it is recorded");
    add_server(app, options->server);
    return [options = std::move(options)] {
        return options->action == "list" ? list_parked(*options) : retry_or_skip(*options);
    };
}

}  // namespace bookstore::tools
