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

}  // namespace bookstore::test
