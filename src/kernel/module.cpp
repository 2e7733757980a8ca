#include "kernel/module.hpp"

#include <algorithm>
#include <cassert>

#include "kernel/hosted_module.hpp"
#include "kernel/rebuild_routes.hpp"

namespace bookstore::kernel {
namespace {

/// One line a sentence: policies that do the same after several events are one on the board.
void add_policies(Board& board, const bus::Policies& policies) {
    for (const bus::Policies::Policy& policy : policies.all()) {
        const auto same =
            std::ranges::find(board.policies, policy.sentence, &PolicyDescription::sentence);
        if (same == board.policies.end()) {
            board.policies.push_back({policy.sentence, {policy.type}});
        } else {
            same->whenever.push_back(policy.type);
        }
    }
}

}  // namespace

bus::Policies Declarations::ReadModel::policies() const {
    bus::Policies policies(name);
    bind(policies, false);
    return policies;
}

bus::Policies Declarations::ReadModel::policies_of_rebuild() const {
    bus::Policies policies(name + ".rebuild");
    bind(policies, true);
    return policies;
}

Module::Module(std::string name, const Clock& clock, Random& random)
    : name_(std::move(name)), clock_(clock), random_(random) {}

void Module::query(Endpoint declared, Query query) {
    declarations_.routes.push_back({std::move(declared), std::move(query)});
}

void Module::command(Endpoint declared, Command command) {
    declared.route.head = false;
    declarations_.routes.push_back({std::move(declared), std::move(command)});
}

void Module::route(Endpoint declared, http::Handler handler) {
    declarations_.routes.push_back({std::move(declared), std::move(handler)});
}

void Module::describe(ResourceDescription resource) {
    declarations_.resources.push_back(std::move(resource));
}

bus::Policies& Module::policies(std::string subscription) {
    return declarations_.policies.emplace_back(std::move(subscription));
}

void Module::read_model(std::string name, std::string table, BindReadModel bind) {
    add_rebuild_routes(*this, name, [this, name]() -> Rebuild& { return host().rebuild(name); });
    declarations_.read_models.push_back({std::move(name), std::move(table), std::move(bind)});
}

void Module::count_events(EventCounter counter) {
    declarations_.event_counters.push_back(std::move(counter));
}

HostedModule& Module::host() {
    assert(host_ != nullptr && "it is not hosted");
    return *host_;
}

storage::Database& Module::database() {
    return host().database();
}

bus::Strand& Module::strand() {
    return host().strand();
}

void Module::write(Write write, std::function<void(http::Answer)> done, std::string_view trace) {
    host().commands().write(std::move(write), std::move(done), trace);
}

Board board_of(const Module& module) {
    const Declarations& declared = module.declarations();
    Board board{.context = module.name(), .publishes = declared.published};
    for (const Declarations::Route& route : declared.routes) {
        const Operation& operation = route.endpoint.operation;
        // A PUT is the same command as the PATCH beside it; a rebuild is an operator's.
        const bool is_command = std::holds_alternative<Command>(route.how) &&
                                route.endpoint.route.method != http::Method::put &&
                                operation.tag != "rebuilds";
        if (is_command) {
            board.commands.push_back(
                {.id = operation.id,
                 .summary = operation.summary,
                 .method = std::string(http::name_of(route.endpoint.route.method)),
                 .path = route.endpoint.route.pattern}
            );
        }
    }
    for (const bus::Policies& policies : declared.policies) {
        add_policies(board, policies);
    }
    for (const Declarations::ReadModel& model : declared.read_models) {
        board.read_models.push_back({model.name, model.policies().types()});
    }
    for (const ResourceDescription& resource : declared.resources) {
        board.collections.push_back(resource.collection);
    }
    return board;
}

}  // namespace bookstore::kernel
