#pragma once

#include <cstdint>
#include <string>

#include "host/system.hpp"

namespace bookstore::tools {

struct TraceOptions {
    std::int64_t order_id = 0;
    std::string url;
    std::string data_dir;  ///< if given: read there, where no process holds it
};

/// Prints the timeline of one order. Returns the exit status.
int print_trace(const TraceOptions& options, const host::Contexts& contexts);

}  // namespace bookstore::tools
