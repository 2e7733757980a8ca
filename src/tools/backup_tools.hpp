#pragma once

#include <string>

#include "host/system.hpp"

namespace bookstore::tools {

struct BackupOptions {
    std::string directory;  ///< the backup's
    std::string url;
    std::string data_dir;  ///< if given: of this directory, which no process may hold
};

/// Takes a backup and prints what was copied. Returns the exit status.
int back_up(const BackupOptions& options, const host::Contexts& contexts);

struct CheckOptions {
    std::string data_dir;
    std::string van_data_dir;  ///< where VAN ran apart; empty: van.db is in data_dir, if anywhere
};

/// Checks a data directory or a backup, which no process may hold, and prints what is wrong.
/// 0: nothing; 1: something; 2: it cannot be checked, and why is on standard error.
int check_directory(const CheckOptions& options, const host::Contexts& contexts);

}  // namespace bookstore::tools
