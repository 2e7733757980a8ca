#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "observe/trace_timeline.hpp"
#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

struct Options {
    std::int64_t order_id = 0;
    Place place;
};

std::string text(const boost::json::object& object, std::string_view name) {
    const boost::json::value& value = object.at(name);
    return value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
}

boost::json::object stored_timeline(const Options& options, const host::Contexts& contexts) {
    const std::string& directory = options.place.data_dir;
    const CopiedDirectory copy(
        directory,
        contexts,
        "the data directory " + directory +
            " is held by another bookstore process: ask it, by --url in place of --data-dir"
    );
    OfflineContexts offline(copy.path(), contexts);
    const observe::TraceRequests no_requests(offline.clock(), offline.random());
    const auto timeline = observe::timeline_of(offline.system(), no_requests, options.order_id);
    if (!timeline) {
        throw std::runtime_error(
            fmt::format("there is no order {} in {}", options.order_id, directory)
        );
    }
    return boost::json::parse(observe::timeline_json(*timeline, {})).as_object();
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

int run(const Options& options, const host::Contexts& contexts) {
    const auto timeline =
        options.place.is_offline()
            ? stored_timeline(options, contexts)
            : ServerClient(options.place.server)
                  .object({.target = fmt::format("/trace/orders/{}", options.order_id)});
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

}  // namespace

Run declare_trace(CLI::App& app, const Program& program) {
    auto options = std::make_unique<Options>();
    app.add_option("order-id", options->order_id, "Its number")
        ->required()
        ->check(CLI::PositiveNumber);
    add_place(app, options->place);
    return [options = std::move(options), &program] { return run(*options, program.contexts); };
}

}  // namespace bookstore::tools
