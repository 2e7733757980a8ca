#pragma once

#include "kernel/story.hpp"

namespace bookstore::inventory {

/// Who brought the stock that an order had waited for.
kernel::Story story();

}  // namespace bookstore::inventory
