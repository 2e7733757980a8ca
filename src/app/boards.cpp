#include "app/boards.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace bookstore::app {
namespace {

kernel::Board board_of(const kernel::Context& context, const kernel::Module& declared) {
    kernel::Board board = kernel::board_of(declared);
    board.needs = context.needs;
    return board;
}

}  // namespace

void for_each_declared(
    const host::Contexts& contexts,
    const std::function<void(const kernel::Context& context, const kernel::Module& declared)>& visit
) {
    const SystemClock clock;
    SystemRandom random;
    for (const kernel::Context& context : contexts) {
        kernel::Module module(context.name, clock, random);
        kernel::Wiring wiring;  // goes first: what is offered there may know the module
        context.install(module, wiring);
        visit(context, module);
    }
}

std::vector<kernel::Board> boards(const host::Contexts& contexts) {
    std::vector<kernel::Board> boards;
    for_each_declared(contexts, [&boards](const auto& context, const auto& declared) {
        boards.push_back(board_of(context, declared));
    });
    return boards;
}

std::optional<MissedEvent> missed_event(
    const host::Contexts& contexts, const std::vector<std::string>& hosted
) {
    const auto all = boards(contexts);
    const auto is_hosted = [&hosted](const kernel::Board& board) {
        return std::ranges::find(hosted, board.context) != hosted.end();
    };
    const auto publisher_of = [&all](const std::string& type) {
        return std::ranges::find_if(all, [&type](const kernel::Board& board) {
            return std::ranges::find(board.publishes, type, &kernel::PublishedEvent::type) !=
                   board.publishes.end();
        });
    };
    for (const kernel::Board& board : all) {
        if (!is_hosted(board)) {
            continue;
        }
        bus::Types handled;
        for (const kernel::PolicyDescription& policy : board.policies) {
            std::ranges::copy(policy.whenever, std::back_inserter(handled));
        }
        for (const kernel::ReadModelDescription& model : board.read_models) {
            std::ranges::copy(model.whenever, std::back_inserter(handled));
        }
        for (const std::string& type : handled) {
            const auto publisher = publisher_of(type);
            if (publisher != all.end() && !is_hosted(*publisher)) {
                return MissedEvent{board.context, type, publisher->context};
            }
        }
    }
    return std::nullopt;
}

std::vector<kernel::Board> boards(const host::System& system) {
    std::vector<kernel::Board> boards;
    for (const kernel::Context& context : system.contexts()) {
        const kernel::HostedModule* hosted = system.find(context.name);
        if (hosted != nullptr) {
            boards.push_back(board_of(context, hosted->module()));
            continue;
        }
        for_each_declared({context}, [&boards](const auto& absent, const auto& declared) {
            boards.push_back(board_of(absent, declared));
        });
    }
    return boards;
}

}  // namespace bookstore::app
