#pragma once

#include <span>
#include <string>

#include "kernel/board.hpp"

namespace bookstore::kernel {

/// {"contexts":[...]}: the boards as JSON, in their order.
std::string board_json(std::span<const Board> boards);

/// The flow of events between the contexts, and who asks whom, as a Mermaid flowchart.
std::string board_mermaid(std::span<const Board> boards);

/// The same in lines to be read: a context, then its commands, events, policies and read models.
std::string board_lines(std::span<const Board> boards);

}  // namespace bookstore::kernel
