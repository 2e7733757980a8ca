#pragma once

#include <string>
#include <vector>

#include "workload.hpp"

namespace bookstore::test {

/// Does nothing wait any more, as far as the files of a running bookstore tell? One directory, or
/// those of all processes of a split.
bool at_rest(const std::vector<std::string>& data_dirs);

/// What is wrong in the directories of a stopped bookstore: broken promises, violated invariants,
/// damaged files, logs that differ, read models that a rebuild changes. It rebuilds them.
std::vector<std::string> faults_in(
    const std::vector<std::string>& data_dirs, const Promises& promises
);

}  // namespace bookstore::test
