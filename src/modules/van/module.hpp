#pragma once

#include "kernel/context.hpp"
#include "modules/van/van.hpp"

namespace bookstore::van {

/// The card network's company. It offers its Van, which is what payment's port calls.
kernel::Context context(const Options& options);

}  // namespace bookstore::van
