#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernel/board.hpp"
#include "kernel/operation.hpp"

namespace bookstore::operations {

/// What the contexts declare, for those who look at them: GET /board, which the console draws, and
/// GET /asyncapi.json, the events between them.
std::vector<kernel::Endpoint> board_endpoints(
    std::string_view version, std::span<const kernel::Board> boards
);

}  // namespace bookstore::operations
