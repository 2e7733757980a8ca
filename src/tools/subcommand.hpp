#pragma once

#include <functional>

#include "app/contexts.hpp"

namespace CLI {
class App;
}

namespace bookstore::tools {

/// Makes the table of contexts from what the flags say of them.
using ContextsOf = std::function<host::Contexts(const app::ContextOptions&)>;

/// What a subcommand knows of the program that it is of. It outlives the command line.
struct Program {
    ContextsOf contexts_of;
    host::Contexts contexts;  ///< as they are without any flag
};

/// Runs a subcommand with the options that were read. Returns the exit status; throws what is to
/// be said on standard error.
using Run = std::move_only_function<int()>;

/// A row of the command line's table: each is a file of this directory.
struct Subcommand {
    const char* name;
    const char* summary;
    /// Declares its options in the subcommand's own part of the command line; what it returns owns
    /// what they are read into.
    Run (*declare)(CLI::App& app, const Program& program);
};

Run declare_serve(CLI::App& app, const Program& program);
Run declare_events(CLI::App& app, const Program& program);
Run declare_rebuild(CLI::App& app, const Program& program);
Run declare_trace(CLI::App& app, const Program& program);
Run declare_healthcheck(CLI::App& app, const Program& program);
Run declare_demo(CLI::App& app, const Program& program);
Run declare_backup(CLI::App& app, const Program& program);
Run declare_check(CLI::App& app, const Program& program);
Run declare_modules(CLI::App& app, const Program& program);
Run declare_parked(CLI::App& app, const Program& program);
Run declare_topic(CLI::App& app, const Program& program);
Run declare_token(CLI::App& app, const Program& program);
Run declare_describe(CLI::App& app, const Program& program);

}  // namespace bookstore::tools
