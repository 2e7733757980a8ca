#pragma once

#include <functional>

#include "app/contexts.hpp"

namespace bookstore::tools {

/// Makes the table of contexts from what the flags say of them.
using ContextsOf = std::function<host::Contexts(const app::ContextOptions&)>;

/// The command line: `bookstore serve|events|rebuild ...`, over that table. Every flag also from
/// the environment, as BOOKSTORE_<FLAG>. Returns the exit status; an error is one line on standard
/// error.
int run(int argc, char** argv, const ContextsOf& contexts_of);

}  // namespace bookstore::tools
