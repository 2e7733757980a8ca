#pragma once

#include <cstdint>
#include <string>

namespace bookstore::tools {

struct DemoOptions {
    std::string url;
    double rate = 2;           ///< actions a second
    std::int64_t actions = 0;  ///< then it ends; 0: it goes on until a signal comes
};

/// Plays customers, a book manager and a courier through the public API, so that something is
/// always happening; prints a line an action. It waits for a server that is not there (yet), and
/// repeats what got no answer with the same Idempotency-Key. Returns the exit status.
int demo(const DemoOptions& options);

}  // namespace bookstore::tools
