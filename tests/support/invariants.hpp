#pragma once

#include <string>
#include <vector>

namespace bookstore::test {

/// What a data directory at rest (no task due or under way, nothing held, every event handled)
/// violates of domain.md's invariants, a sentence each; empty when all of them hold. It is what
/// `bookstore check` runs, which forgives what is under way; a process may hold the directory.
/// `vfs` names SQLite's file system, empty is the default one. Throws std::runtime_error when a
/// file cannot be read.
std::vector<std::string> violated_invariants(
    const std::string& data_dir, const std::string& vfs = {}
);
/// The same of the data directories of a system in several processes.
std::vector<std::string> violated_invariants(
    const std::vector<std::string>& data_dirs, const std::string& vfs = {}
);

/// None is violated in the files of a bookstore that runs, and nothing was published while they
/// were read: they are read one after the other.
bool all_hold(const std::vector<std::string>& data_dirs);

}  // namespace bookstore::test
