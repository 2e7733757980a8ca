#pragma once

#include <string>

#include "storage/database.hpp"

namespace bookstore::host {

/// Throws storage::Refused when the error says that a context's file (or "topic"'s) is damaged:
/// with what the file holds, and the way out.
void refuse_if_damaged(
    const std::string& data_dir, const std::string& context, const storage::Error& error
);

/// Reads the schema and the root of every table, so that a file that is damaged there is known
/// before anything is done with it. Throws storage::Error. The whole of it is `bookstore check`'s.
void read_roots(storage::Database& database);

/// What `open` returns, which may not be movable; a damaged file is refused.
template <class Open>
auto opened(const std::string& data_dir, const std::string& context, Open open) {
    try {
        return open();
    } catch (const storage::Error& error) {
        refuse_if_damaged(data_dir, context, error);
        throw;
    }
}

}  // namespace bookstore::host
