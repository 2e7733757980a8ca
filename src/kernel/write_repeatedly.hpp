#pragma once

#include <functional>

#include "kernel/module.hpp"

namespace bookstore::kernel {

/// Runs `write` in a transaction of its own, again and again until it returns false (there is no
/// more to do), so that a million rows keep nobody waiting for long. It ends when the module is
/// stopped or its file refuses. Any thread.
void write_repeatedly(Module& module, std::function<bool(bus::UnitOfWork&)> write);

}  // namespace bookstore::kernel
