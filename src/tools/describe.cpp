#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "app/boards.hpp"
#include "kernel/board_text.hpp"
#include "tools/options.hpp"
#include "tools/subcommand.hpp"

namespace bookstore::tools {
namespace {

/// Asks no server and opens no file.
int run(const std::string& format, const host::Contexts& contexts) {
    const auto boards = app::boards(contexts);
    if (format == "json") {
        fmt::print("{}\n", kernel::board_json(boards));
    } else {
        fmt::print(
            "{}", format == "mermaid" ? kernel::board_mermaid(boards) : kernel::board_lines(boards)
        );
    }
    return 0;
}

}  // namespace

Run declare_describe(CLI::App& app, const Program& program) {
    auto format = std::make_unique<std::string>("text");
    app.add_option("--format", *format, "text, mermaid (a flowchart) or json")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "mermaid", "json"}));
    return [format = std::move(format), &program] { return run(*format, program.contexts); };
}

}  // namespace bookstore::tools
