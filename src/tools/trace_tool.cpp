#include "tools/trace_tool.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "http/client.hpp"
#include "observe/logs.hpp"
#include "observe/trace_timeline.hpp"
#include "storage/directory.hpp"

namespace bookstore::tools {
namespace {

std::string text(const boost::json::object& object, std::string_view name) {
    const boost::json::value& value = object.at(name);
    return value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
}

std::string message_of(std::string_view body) {
    boost::json::error_code error;
    const auto value = boost::json::parse(body, error);
    const auto* message =
        !error && value.is_object() ? value.as_object().if_contains("message") : nullptr;
    return message != nullptr && message->is_string() ? std::string(message->as_string())
                                                      : std::string(body);
}

std::string fetched(const TraceOptions& options) {
    std::string url = options.url;
    if (url.ends_with('/')) {
        url.pop_back();
    }
    url += fmt::format("/trace/orders/{}", options.order_id);
    auto answer = http::fetch(http::Method::get, http::parse_url(url));
    if (answer.status != 200) {
        throw std::runtime_error(
            fmt::format("{} answered {}: {}", options.url, answer.status, message_of(answer.body))
        );
    }
    return std::move(answer.body);
}

std::string read_from_directory(const TraceOptions& options, const host::Contexts& contexts) {
    if (!std::filesystem::exists(options.data_dir + "/topic.db")) {
        throw storage::Refused(options.data_dir + " is no data directory: it has no topic.db");
    }
    const storage::DirectoryLock lock(options.data_dir);
    observe::set_up_log(observe::LogFormat::text, "warning");
    const SystemClock clock;
    SystemRandom random;
    host::System system(contexts, {.data_dir = options.data_dir}, clock, random, [](std::size_t) {
    });
    while (system.relay().step()) {
    }
    const auto timeline =
        observe::timeline_of(system, observe::TraceRequests(clock, random), options.order_id);
    if (!timeline) {
        throw std::runtime_error(
            fmt::format("there is no order {} in {}", options.order_id, options.data_dir)
        );
    }
    return observe::timeline_json(*timeline, {});
}

void print_entry(const boost::json::object& entry) {
    const std::string took = entry.at("took_ms").is_null() ? "-" : text(entry, "took_ms");
    const std::string position =
        entry.at("position").is_null() ? "" : " @" + text(entry, "position");
    fmt::print(
        "{:>9} {:>7} {:>6}  {:8} {:15} {}{}{}{}  trace={}\n",
        "+" + text(entry, "since_start_ms"),
        text(entry, "gap_ms"),
        took,
        text(entry, "kind"),
        text(entry, "context"),
        text(entry, "name"),
        position,
        entry.at("detail").as_string().empty() ? "" : ": ",
        text(entry, "detail"),
        text(entry, "trace_id")
    );
}

void print_wait(const boost::json::object& wait) {
    fmt::print(
        "waits: {} {}: {} (attempts: {})\n",
        text(wait, "context"),
        text(wait, "name"),
        text(wait, "detail"),
        text(wait, "attempts")
    );
}

}  // namespace

int print_trace(const TraceOptions& options, const host::Contexts& contexts) {
    const std::string body =
        options.data_dir.empty() ? fetched(options) : read_from_directory(options, contexts);
    const auto timeline = boost::json::parse(body).as_object();
    const auto& entries = timeline.at("entries").as_array();
    fmt::print(
        "order {} is {}: {} steps in {} ms, from {}\n",
        text(timeline, "orderId"),
        text(timeline, "orderStatus"),
        entries.size(),
        text(timeline, "lasted_ms"),
        iso_timestamp(timeline.at("start_ms").as_int64())
    );
    fmt::print(
        "{:>9} {:>7} {:>6}  {:8} {:15} {}\n", "ms", "gap", "took", "kind", "context", "what"
    );
    for (const auto& entry : entries) {
        print_entry(entry.as_object());
    }
    for (const auto& wait : timeline.at("waiting").as_array()) {
        print_wait(wait.as_object());
    }
    for (const auto& what : timeline.at("missing").as_array()) {
        fmt::print("not known: {}\n", std::string_view(what.as_string()));
    }
    return 0;
}

}  // namespace bookstore::tools
