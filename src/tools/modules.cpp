#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <utility>

#include "tools/operator_json.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

struct Options {
    std::string action;  ///< stop or start; empty: lists them
    std::string name;
    std::string url = default_url;
};

constexpr auto module_row = "{:<16} {:<9} {:<16} {:>10} {:>8} {:>10} {:>7} {:>7} {:>7}\n";

void print_module(const boost::json::object& module) {
    const auto& subscriptions = module.at("subscriptions").as_array();
    const std::int64_t outbox = number(module, "outboxDepth");
    if (subscriptions.empty()) {
        fmt::print(
            module_row, text(module, "name"), text(module, "state"), "-", "", "", "", "", "", outbox
        );
    }
    for (const auto& each : subscriptions) {
        const auto& subscription = each.as_object();
        fmt::print(
            module_row,
            text(module, "name"),
            text(module, "state"),
            text(subscription, "name"),
            number(subscription, "position"),
            number(subscription, "lagEvents"),
            fmt::format("{:.1f} s", subscription.at("lagSeconds").to_number<double>()),
            number(subscription, "held"),
            number(subscription, "parked"),
            outbox
        );
    }
}

/// Prints the contexts as a table, after one of them was stopped or started if that is asked for.
int run(const Options& options) {
    const ServerClient client(options.url);
    if (!options.action.empty()) {
        client.object(
            {.method = http::Method::post,
             .target = fmt::format("/modules/{}/{}", options.name, options.action)}
        );
    }
    const auto body = client.object({.target = "/modules"});
    fmt::print(
        module_row,
        "CONTEXT",
        "STATE",
        "SUBSCRIPTION",
        "POSITION",
        "BEHIND",
        "SINCE",
        "HELD",
        "PARKED",
        "OUTBOX"
    );
    for (const auto& module : body.at("_embedded").at("modules").as_array()) {
        print_module(module.as_object());
    }
    return 0;
}

}  // namespace

Run declare_modules(CLI::App& app, const Program& /*program*/) {
    auto options = std::make_unique<Options>();
    app.add_option("action", options->action, "stop or start")
        ->check(CLI::IsMember({"stop", "start"}));
    app.add_option("name", options->name, "Of the context");
    add_url(app, options->url);
    app.callback([&options = *options] {
        if (!options.action.empty() && options.name.empty()) {
            throw CLI::ValidationError("modules " + options.action + " wants a context's name");
        }
    });
    return [options = std::move(options)] { return run(*options); };
}

}  // namespace bookstore::tools
