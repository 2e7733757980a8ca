#include "app/boards.hpp"

#include <utility>

namespace bookstore::app {

void for_each_declared(
    const host::Contexts& contexts,
    const std::function<void(const kernel::Context& context, const kernel::Module& declared)>& look
) {
    const SystemClock clock;
    SystemRandom random;
    for (const kernel::Context& context : contexts) {
        kernel::Module module(context.name, clock, random);
        kernel::Wiring wiring;  // goes first: what is offered there may know the module
        context.install(module, wiring);
        look(context, module);
    }
}

std::vector<kernel::Board> boards(const host::Contexts& contexts) {
    std::vector<kernel::Board> boards;
    for_each_declared(
        contexts,
        [&boards](const kernel::Context& context, const kernel::Module& declared) {
            kernel::Board board = kernel::board_of(declared);
            board.asks = context.needs;
            boards.push_back(std::move(board));
        }
    );
    return boards;
}

}  // namespace bookstore::app
