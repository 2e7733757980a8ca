#include "tools/operator_tools.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "http/client.hpp"

namespace bookstore::tools {
namespace {

namespace json = boost::json;

/// The body of a 2xx; throws with what the server said otherwise.
json::object asked(
    http::Method method, const std::string& url, std::string_view target, const std::string& body
) {
    const std::string base = url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
    std::vector<http::Header> headers;
    if (!body.empty()) {
        headers.push_back({"Content-Type", "application/json"});
    }
    const auto answer =
        http::fetch(method, http::parse_url(base + std::string(target)), body, headers);
    json::error_code error;
    auto value = json::parse(answer.body, error);
    if (error || !value.is_object()) {
        throw std::runtime_error(
            fmt::format("{} answered {}: is it a bookstore?", url, answer.status)
        );
    }
    if (answer.status >= 300) {
        const auto* message = value.as_object().if_contains("message");
        const std::string why =
            message != nullptr && message->is_string() ? message->as_string().c_str() : answer.body;
        throw std::runtime_error(fmt::format("{} answered {}: {}", url, answer.status, why));
    }
    return std::move(value.as_object());
}

std::string_view text(const json::object& object, std::string_view name) {
    const auto& value = object.at(name);
    return value.is_string() ? std::string_view(value.as_string()) : std::string_view("-");
}

std::int64_t number(const json::object& object, std::string_view name) {
    return object.at(name).to_number<std::int64_t>();
}

constexpr auto module_row = "{:<16} {:<9} {:<16} {:>10} {:>8} {:>10} {:>7} {:>7} {:>7}\n";

void print_module(const json::object& module) {
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

/// "?module=order&state=PARKED"
std::string query_of(const ParkedOptions& options, std::int64_t page) {
    std::string query = fmt::format("?page={}&size=1000", page);
    query += options.module.empty() ? "" : "&module=" + options.module;
    query += options.parked_only ? "&state=PARKED" : "";
    return query;
}

int list_parked(const ParkedOptions& options) {
    constexpr auto row = "{:<24} {:<8} {:<22} {:<12} {:>8}  {:<20} {}\n";
    std::int64_t pages = 1;
    for (std::int64_t page = 0; page < pages; ++page) {
        const auto body =
            asked(http::Method::get, options.url, "/parked" + query_of(options, page), {});
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

}  // namespace

int modules(const ModulesOptions& options) {
    if (!options.action.empty()) {
        asked(
            http::Method::post,
            options.url,
            fmt::format("/modules/{}/{}", options.name, options.action),
            {}
        );
    }
    const auto body = asked(http::Method::get, options.url, "/modules", {});
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

int parked(const ParkedOptions& options) {
    if (options.action == "list") {
        return list_parked(options);
    }
    if (options.id.empty() == options.module.empty()) {
        throw std::runtime_error(fmt::format(
            "parked {} wants the id of one event, or --module NAME for all that it has parked",
            options.action
        ));
    }
    if (options.action == "skip" && options.reason.empty()) {
        throw std::runtime_error("parked skip wants --reason TEXT: why, for the record");
    }
    const std::string body = options.action == "skip"
                                 ? json::serialize(json::object{{"reason", options.reason}})
                                 : std::string();
    const std::string target =
        options.id.empty() ? fmt::format("/modules/{}/parked/{}", options.module, options.action)
                           : fmt::format("/parked/{}/{}", options.id, options.action);
    const auto answer = asked(http::Method::post, options.url, target, body);
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

}  // namespace bookstore::tools
