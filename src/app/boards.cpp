#include "app/boards.hpp"

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
