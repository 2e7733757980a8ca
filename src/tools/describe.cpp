#include "tools/describe.hpp"

#include <fmt/format.h>

#include "app/boards.hpp"
#include "kernel/board_text.hpp"

namespace bookstore::tools {

int describe(const host::Contexts& contexts, const DescribeOptions& options) {
    const auto boards = app::boards(contexts);
    if (options.format == "json") {
        fmt::print("{}\n", kernel::board_json(boards));
    } else {
        fmt::print(
            "{}",
            options.format == "mermaid" ? kernel::board_mermaid(boards)
                                        : kernel::board_lines(boards)
        );
    }
    return 0;
}

}  // namespace bookstore::tools
