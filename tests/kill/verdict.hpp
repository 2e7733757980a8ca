#pragma once

#include <string>
#include <vector>

#include "workload.hpp"

namespace bookstore::test {

/// Does nothing wait any more, as far as the files of a running bookstore tell?
bool at_rest(const std::string& data_dir);

/// What is wrong in the directory of a stopped bookstore: broken promises, violated invariants,
/// damaged files, read models that a rebuild changes. It rebuilds them.
std::vector<std::string> faults_in(const std::string& data_dir, const Promises& promises);

}  // namespace bookstore::test
