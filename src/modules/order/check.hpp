#pragma once

#include "check/context_file.hpp"

namespace bookstore::order {

/// What must hold in order.db by itself.
void check_file(const check::ContextView& view);

}  // namespace bookstore::order
