#pragma once

#include <string>

#include "host/system.hpp"

namespace bookstore::host {

/// What a directory at rest is opened with, without a broker: where its log is a mirror, it is read
/// as it is. Throws storage::Error.
PartitionOptions offline_partition(const std::string& directory);

}  // namespace bookstore::host
