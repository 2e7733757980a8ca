#pragma once

#include "kernel/story.hpp"

namespace bookstore::payment {

/// The call to VAN that an order's payment waits for.
kernel::Story story();

}  // namespace bookstore::payment
