#pragma once

#include "kernel/context.hpp"

namespace bookstore::payment_history {

/// What became of payments, row by row: a read model, made from events alone.
kernel::Context context();

}  // namespace bookstore::payment_history
