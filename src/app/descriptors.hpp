#pragma once

#include <cstddef>

#include "app/serve.hpp"

namespace bookstore::app {

/// How many file descriptors the process may need beside its clients' connections: of every file
/// its writer and a reader a thread, a backup, the I/O threads' own, the ports' connections.
std::size_t reserved_descriptors(const ServeOptions& options);

/// Raises the limit on descriptors as far as `options` need and the system allows, and lowers the
/// connections to what is left beside the reserve, with a warning: whoever comes too many gets a
/// 503, and files, ports and backups always have theirs. Before other threads run.
void bound_connections(ServeOptions& options);

}  // namespace bookstore::app
