#pragma once

#include <string>

#include "host/system.hpp"

namespace bookstore::tools {

struct DescribeOptions {
    std::string format = "text";  ///< text, mermaid or json
};

/// Prints the contexts' board: what each declares. Asks no server and opens no file. Returns the
/// exit status.
int describe(const host::Contexts& contexts, const DescribeOptions& options);

}  // namespace bookstore::tools
