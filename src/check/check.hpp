#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/context_file.hpp"
#include "check/sqlite_file.hpp"

namespace bookstore::check {

struct Options {
    /// Whose files are there; see app::check_contexts().
    std::vector<ContextFile> contexts;
    /// Of one system; each file is in one of them, but each may have a topic.db of its own. A
    /// context whose file is in none lives elsewhere, and is not compared.
    std::vector<std::string> data_dirs;
    /// Where VAN ran apart, as a system of its own; empty: van.db is in one of data_dirs, if
    /// anywhere
    std::string van_data_dir{};
    std::string vfs{};  ///< SQLite's; empty: the default one
    Access access = Access::alone;
    bool at_rest = false;   ///< every order must be settled, nothing held, nothing on its way
    bool integrity = true;  ///< SQLite's own structures too
};

struct Report {
    std::vector<std::string> violations;  ///< a sentence each, of a great many the first
    std::int64_t violation_count = 0;
    bool compared = true;  ///< the contents too, not only SQLite's structures
    bool van_compared = false;
    std::vector<std::string> not_compared{};  ///< a sentence each, beside that
    std::int64_t events = 0;
    std::int64_t orders = 0;
    std::int64_t unverified = 0;
    std::int64_t unsettled = 0;   ///< orders
    std::int64_t log_begin = 1;   ///< position of the log's first event
    std::int64_t before_log = 0;  ///< orders of which the log has lost events: not compared
    std::int64_t skipped = 0;     ///< orders of which an event was skipped: not compared
    std::int64_t unrelayed = 0;   ///< events
    std::int64_t held = 0;
    std::int64_t parked = 0;
};

/// Checks the data directories of a system, or backups of them: SQLite's integrity, the migrations,
/// what each context says of its file, and the invariants of domain.md across the files. A
/// directory whose process was killed is well: what is still to happen is counted, not a violation.
/// Changes nothing in it. Throws std::runtime_error with a line for the user when it cannot be
/// read, when directories are of different shops, and when the file of a context is missing that
/// published there.
Report check(const Options& options);

}  // namespace bookstore::check
