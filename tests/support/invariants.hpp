#pragma once

#include <string>
#include <vector>

#include "support/stored_state.hpp"

namespace bookstore::test {

/// What a data directory at rest (no task due or under way, nothing held, every event handled)
/// violates of domain.md's invariants, a sentence each; empty when all of them hold. It reads the
/// files with SQLite alone, read-only; `vfs` names SQLite's file system, empty is the default one.
/// Throws std::runtime_error when a file cannot be read.
std::vector<std::string> violated_invariants(
    const std::string& data_dir, const std::string& vfs = {}
);

/// The same, of what was read before.
std::vector<std::string> violated_invariants(const StoredState& state);

}  // namespace bookstore::test
