#pragma once

#include <memory>
#include <vector>

#include "host/system.hpp"
#include "kernel/board.hpp"
#include "kernel/module.hpp"

namespace bookstore::app {

/// What a context declares, without hosting it: no file is opened. It is there to be read; its
/// handlers must not be called.
std::unique_ptr<kernel::Module> declared(const kernel::Context& context);

/// The boards of the contexts, in their order.
std::vector<kernel::Board> boards(const host::Contexts& contexts);
/// The same of a running system's table: also of those that it does not host.
std::vector<kernel::Board> boards(const host::System& system);

}  // namespace bookstore::app
