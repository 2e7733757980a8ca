#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/boards.hpp"
#include "tools/offline_directory.hpp"
#include "tools/options.hpp"
#include "tools/server_client.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

constexpr auto poll = std::chrono::milliseconds(100);
/// For what a rebuild leaves of free pages, or of its table; the next start removes the rest.
constexpr auto longest_removing = std::chrono::seconds(60);

struct Options {
    std::string read_model;
    bool cancel = false;
    Place place;
};

template <class Condition>
void step_while(kernel::HostedModule& module, Condition condition) {
    while (condition()) {
        if (!module.step()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

int rebuild_offline(const Options& options, const host::Contexts& contexts) {
    OfflineContexts offline(options.place.data_dir, contexts);
    host::System& system = offline.system();
    kernel::HostedModule* const owner = system.owner_of_read_model(options.read_model);
    if (owner == nullptr) {
        throw std::runtime_error(
            options.place.data_dir + " has no file of the context that owns " + options.read_model
        );
    }
    kernel::HostedModule& module = *owner;
    kernel::Rebuild& rebuild = module.rebuild(options.read_model);
    if (const auto refusal = rebuild.begin()) {
        throw std::runtime_error(refusal->why);
    }
    step_while(module, [&rebuild] { return rebuild.under_way(); });
    const auto until = std::chrono::steady_clock::now() + longest_removing;
    step_while(module, [&rebuild, until] {
        return !rebuild.at_rest() && std::chrono::steady_clock::now() < until;
    });
    module.finish();
    if (!rebuild.progress().failure.empty()) {
        throw std::runtime_error(
            options.read_model + " was not rebuilt: " + rebuild.progress().failure
        );
    }
    fmt::print("{} was rebuilt from {} events\n", options.read_model, system.topic().end());
    return 0;
}

int rebuild_on_server(const Options& options) {
    const ServerClient client(options.place.server);
    const std::string target = "/rebuilds/" + options.read_model;
    client.object({.method = http::Method::post, .target = target});
    for (;;) {
        const auto progress = client.object({.target = target});
        const std::string state(progress.at("state").as_string());
        if (state != "building") {
            fmt::print(
                "{}: {} (position {} of {})\n",
                options.read_model,
                state,
                progress.at("position").as_int64(),
                progress.at("end").as_int64()
            );
            return state == "done" ? 0 : 1;
        }
        std::this_thread::sleep_for(poll);
    }
}

int cancel_on_server(const Options& options) {
    ServerClient(options.place.server)
        .object({.method = http::Method::del, .target = "/rebuilds/" + options.read_model});
    fmt::print("{}: canceled\n", options.read_model);
    return 0;
}

std::vector<std::string> read_models(const host::Contexts& contexts) {
    std::vector<std::string> names;
    for (const kernel::Board& board : app::boards(contexts)) {
        for (const kernel::ReadModelDescription& model : board.read_models) {
            names.push_back(model.name);
        }
    }
    return names;
}

}  // namespace

Run declare_rebuild(CLI::App& app, const Program& program) {
    auto options = std::make_unique<Options>();
    const auto names = read_models(program.contexts);
    app.add_option("read-model", options->read_model, fmt::format("{}", fmt::join(names, " or ")))
        ->required()
        ->check(CLI::IsMember(names));
    auto* const cancel = app.add_flag("--cancel", options->cancel, "End the one that is under way");
    add_place(app, options->place);
    cancel->excludes("--data-dir");
    return [options = std::move(options), &program] {
        return options->place.is_offline() ? rebuild_offline(*options, program.contexts)
               : options->cancel           ? cancel_on_server(*options)
                                           : rebuild_on_server(*options);
    };
}

}  // namespace bookstore::tools
