#pragma once

#include <memory>

#include "kernel/module.hpp"
#include "modules/van/van.hpp"

namespace bookstore::van {

/// The card network's company. What it returns is what payment's port calls; it outlives the
/// module's last step.
std::unique_ptr<Van> install(kernel::Module& module, const Options& options);

}  // namespace bookstore::van
