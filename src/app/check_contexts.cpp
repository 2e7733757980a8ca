#include "app/check_contexts.hpp"

#include <utility>

#include "app/boards.hpp"

namespace bookstore::app {
namespace {

std::vector<check::Subscription> subscriptions_of(const kernel::Declarations& declared) {
    std::vector<check::Subscription> subscriptions;
    for (const bus::Policies& policies : declared.policies) {
        subscriptions.push_back({policies.subscription(), policies.types()});
    }
    for (const kernel::Declarations::ReadModel& model : declared.read_models) {
        subscriptions.push_back({model.name, model.policies().types()});
    }
    return subscriptions;
}

}  // namespace

std::vector<check::ContextFile> check_contexts(const host::Contexts& contexts) {
    std::vector<check::ContextFile> files;
    for_each_declared(
        contexts,
        [&files](const kernel::Context& context, const kernel::Module& module) {
            check::ContextFile file{
                .name = context.name,
                .subscriptions = subscriptions_of(module.declarations()),
                .tables = context.tables,
                .check = context.check
            };
            for (const kernel::PublishedEvent& event : module.declarations().published) {
                file.publishes.push_back({event.type, event.key_kind});
            }
            files.push_back(std::move(file));
        }
    );
    return files;
}

}  // namespace bookstore::app
