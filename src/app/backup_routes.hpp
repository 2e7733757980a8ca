#pragma once

#include "app/backup.hpp"
#include "kernel/operation.hpp"

namespace bookstore::app {

/// POST /backups. `backups` outlives the route.
kernel::Endpoint backups_endpoint(Backups& backups);

}  // namespace bookstore::app
