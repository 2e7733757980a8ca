#pragma once

#include <string>

#include "host/system.hpp"
#include "kafka/settings.hpp"

namespace bookstore::tools {

/// Takes a context whose file was restored from a backup back into the shop of that topic
/// (host/adoption.hpp), in a directory at rest; an empty name: the only one that is there. The file
/// as it was stays beside it. Prints what it lacked, and what is to be repaired by hand. Throws
/// storage::Refused, std::runtime_error; then nothing has changed.
int adopt(
    const kafka::Settings& settings,
    const std::string& directory,
    const std::string& context,
    const host::Contexts& contexts
);

}  // namespace bookstore::tools
