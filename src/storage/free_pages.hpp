#pragma once

#include <cstdint>
#include <string>

#include "storage/connection.hpp"

// What a file has of pages that hold nothing, and how the file system gets them back.

namespace bookstore::storage {

struct FileSpace {
    std::int64_t used_bytes = 0;  ///< of pages that hold something
    std::int64_t free_bytes = 0;  ///< of pages that hold nothing: the next rows go there
};
/// Throws Error.
FileSpace space_of(Connection& db);

/// Inside a transaction: takes at most `pages` free ones off the file's end, others moved into
/// their places; the file itself shrinks when the WAL is moved next. false: no more can be given
/// back. In a file that was made before 0.2 none can: SQLite must be told when it makes one.
/// Throws Error.
bool give_back_pages(Connection& db, int pages);

/// What the disk of that directory has left for this process; the largest number when it is not
/// known (a file system of a test's).
std::int64_t disk_left_bytes(const std::string& file);
/// So little left that nothing large should take it: others need it.
bool disk_is_nearly_full(const std::string& file);

}  // namespace bookstore::storage
