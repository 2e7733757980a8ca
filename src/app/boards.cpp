#include "app/boards.hpp"

#include "base/clock.hpp"

namespace bookstore::app {
namespace {

const SystemClock declaring_clock;
SystemRandom declaring_random;

}  // namespace

std::vector<std::unique_ptr<kernel::Module>> declared(const host::Contexts& contexts) {
    std::vector<std::unique_ptr<kernel::Module>> modules;
    kernel::Wiring nobody_is_hosted;
    for (const kernel::Context& context : contexts) {
        modules.push_back(
            std::make_unique<kernel::Module>(context.name, declaring_clock, declaring_random)
        );
        context.install(*modules.back(), nobody_is_hosted);
    }
    return modules;
}

std::vector<kernel::Board> boards(const host::Contexts& contexts) {
    std::vector<kernel::Board> boards;
    const auto modules = declared(contexts);
    for (std::size_t i = 0; i < contexts.size(); ++i) {
        boards.push_back(kernel::board_of(*modules[i]));
        boards.back().asks = contexts[i].needs;
    }
    return boards;
}

}  // namespace bookstore::app
