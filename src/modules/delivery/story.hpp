#pragma once

#include "kernel/story.hpp"

namespace bookstore::delivery {

/// Who changed a delivery's status.
kernel::Story story();

}  // namespace bookstore::delivery
