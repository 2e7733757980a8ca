#pragma once

namespace bookstore::tools {

/// The command line: `bookstore serve|events|rebuild ...`. Every flag also from the environment, as
/// BOOKSTORE_<FLAG>. Returns the exit status; an error is one line on standard error.
int run(int argc, char** argv);

}  // namespace bookstore::tools
