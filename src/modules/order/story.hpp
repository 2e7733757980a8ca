#pragma once

#include "kernel/story.hpp"

namespace bookstore::order {

/// An order's status, the requests that no event tells of, its verification; who placed and
/// canceled it.
kernel::Story story();

}  // namespace bookstore::order
