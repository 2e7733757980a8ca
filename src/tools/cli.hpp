#pragma once

#include "tools/subcommand.hpp"

namespace bookstore::tools {

/// The command line: `bookstore serve|events|rebuild ...`, over that table. Its flags also from
/// the environment, as BOOKSTORE_<FLAG>. Returns the exit status; an error is one line on standard
/// error.
int run(int argc, char** argv, const ContextsOf& contexts_of);

}  // namespace bookstore::tools
