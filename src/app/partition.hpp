#pragma once

#include <string>

#include "base/clock.hpp"
#include "host/system.hpp"
#include "kafka/settings.hpp"

namespace bookstore::app {

/// The topic of this process is a mirror of that one. It is asked whether it is as it has to be:
/// throws storage::Refused, with what mends it, when it is not; when no broker answers it is asked
/// again until one does, and used then. `process` and the clock outlive the system; the former is
/// the process's name for those who look at the broker.
host::PartitionOptions partition_of(
    const kafka::Settings& settings, const std::string& process, const Clock& clock
);

}  // namespace bookstore::app
