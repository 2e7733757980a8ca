#include "app/boards.hpp"

#include "base/clock.hpp"

namespace bookstore::app {
namespace {

const SystemClock declaring_clock;
SystemRandom declaring_random;

kernel::Board board_of(const kernel::Context& context, const kernel::Module& module) {
    kernel::Board board = kernel::board_of(module);
    board.asks = context.needs;
    return board;
}

}  // namespace

std::unique_ptr<kernel::Module> declared(const kernel::Context& context) {
    auto module = std::make_unique<kernel::Module>(context.name, declaring_clock, declaring_random);
    kernel::Wiring nobody_is_hosted;
    context.install(*module, nobody_is_hosted);
    return module;
}

std::vector<kernel::Board> boards(const host::Contexts& contexts) {
    std::vector<kernel::Board> boards;
    for (const kernel::Context& context : contexts) {
        boards.push_back(board_of(context, *declared(context)));
    }
    return boards;
}

std::vector<kernel::Board> boards(const host::System& system) {
    std::vector<kernel::Board> boards;
    for (const kernel::Context& context : system.contexts()) {
        const kernel::HostedModule* hosted = system.find(context.name);
        boards.push_back(
            hosted != nullptr ? board_of(context, hosted->module())
                              : board_of(context, *declared(context))
        );
    }
    return boards;
}

}  // namespace bookstore::app
