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
    ServerPlace server;
};

constexpr auto module_row = "{:<16} {:<{}} {:<16} {:>10} {:>8} {:>10} {:>7} {:>7} {:>7}{}\n";
constexpr int state_width = 9;
constexpr int state_width_of_split = 11;  ///< UNREACHABLE

/// Where it is hosted, in a split.
std::string place_of(const boost::json::object& module, bool split) {
    if (!split) {
        return "";
    }
    const auto* peer = module.if_contains("peer");
    return fmt::format("  {}", peer == nullptr ? "here" : text(module, "peer"));
}

void print_module(const boost::json::object& module, bool split) {
    const int width = split ? state_width_of_split : state_width;
    const std::string place = place_of(module, split);
    const auto& subscriptions = module.at("subscriptions").as_array();
    // Of one that cannot be reached nothing is known.
    const auto* depth = module.if_contains("outboxDepth");
    const std::string outbox =
        depth == nullptr ? "" : fmt::format("{}", depth->to_number<std::int64_t>());
    if (subscriptions.empty()) {
        fmt::print(
            module_row,
            text(module, "name"),
            text(module, "state"),
            width,
            "-",
            "",
            "",
            "",
            "",
            "",
            outbox,
            place
        );
    }
    for (const auto& each : subscriptions) {
        const auto& subscription = each.as_object();
        fmt::print(
            module_row,
            text(module, "name"),
            text(module, "state"),
            width,
            text(subscription, "name"),
            number(subscription, "position"),
            number(subscription, "lagEvents"),
            fmt::format("{:.1f} s", subscription.at("lagSeconds").to_number<double>()),
            number(subscription, "held"),
            number(subscription, "parked"),
            outbox,
            place
        );
    }
}

/// The processes that do not answer.
void print_silent(const boost::json::array& peers) {
    for (const auto& each : peers) {
        const auto& peer = each.as_object();
        if (text(peer, "state") != "UP") {
            fmt::print(
                "{} does not answer since {}: {}\n",
                text(peer, "url"),
                text(peer, "since"),
                text(peer, "reason")
            );
        }
    }
}

/// Prints the contexts as a table, after one of them was stopped or started if that is asked for.
int run(const Options& options) {
    const ServerClient client(options.server);
    if (!options.action.empty()) {
        client.object(
            {.method = http::Method::post,
             .target = fmt::format("/modules/{}/{}", options.name, options.action)}
        );
    }
    const auto body = client.object({.target = "/modules"});
    const auto* peers = body.if_contains("peers");
    const bool split = peers != nullptr;
    fmt::print(
        module_row,
        "CONTEXT",
        "STATE",
        split ? state_width_of_split : state_width,
        "SUBSCRIPTION",
        "POSITION",
        "BEHIND",
        "SINCE",
        "HELD",
        "PARKED",
        "OUTBOX",
        split ? "  AT" : ""
    );
    for (const auto& module : body.at("_embedded").at("modules").as_array()) {
        print_module(module.as_object(), split);
    }
    if (split) {
        print_silent(peers->as_array());
    }
    return 0;
}

}  // namespace

Run declare_modules(CLI::App& app, const Program& /*program*/) {
    auto options = std::make_unique<Options>();
    app.add_option("action", options->action, "stop or start")
        ->check(CLI::IsMember({"stop", "start"}));
    app.add_option("name", options->name, "Of the context");
    add_server(app, options->server);
    app.callback([&options = *options] {
        if (!options.action.empty() && options.name.empty()) {
            throw CLI::ValidationError("modules " + options.action + " wants a context's name");
        }
    });
    return [options = std::move(options)] { return run(*options); };
}

}  // namespace bookstore::tools
