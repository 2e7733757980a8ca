#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernel/board.hpp"

namespace bookstore::kernel {

/// The events between the contexts, as an AsyncAPI 3.0 document (JSON text): the channel of that
/// name with every message, its schema, an example and its key, and for each context what it sends
/// and what it receives. Made from the contexts' boards.
std::string asyncapi_document(
    std::string_view version, std::string_view channel, std::span<const Board> boards
);

}  // namespace bookstore::kernel
