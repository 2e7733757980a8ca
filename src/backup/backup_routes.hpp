#pragma once

#include "backup/backup.hpp"
#include "kernel/operation.hpp"

namespace bookstore::backup {

/// POST /backups. `backups` outlives the route.
kernel::Endpoint backups_endpoint(Backups& backups);

}  // namespace bookstore::backup
