#pragma once

#include "kernel/module.hpp"

namespace bookstore::payment_history {

/// What became of payments, row by row: a read model, made from events alone.
void install(kernel::Module& module);

}  // namespace bookstore::payment_history
