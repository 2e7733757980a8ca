#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/hosted_module.hpp"

namespace bookstore::host {

/// No file is older than what another one was told of it beside the events (bus/moment.hpp): VAN's
/// ledger has every answer that payment stored. Of a context that is hosted elsewhere nothing is
/// known here. Throws storage::Refused, storage::Error. Before threads run.
void require_told_moments(
    const std::string& data_dir, const std::vector<std::unique_ptr<kernel::HostedModule>>& modules
);

}  // namespace bookstore::host
