#pragma once

#include <memory>
#include <vector>

#include "host/system.hpp"
#include "kernel/board.hpp"
#include "kernel/module.hpp"

namespace bookstore::app {

/// What the contexts of a table declare, without hosting them: no file is opened. In their order.
std::vector<std::unique_ptr<kernel::Module>> declared(const host::Contexts& contexts);

/// Their boards.
std::vector<kernel::Board> boards(const host::Contexts& contexts);

}  // namespace bookstore::app
