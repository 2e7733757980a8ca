#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bookstore::storage {

class Connection;

/// One file of migrations/<source>/<number>_<name>.sql.
struct Migration {
    std::string_view source;
    int number;
    std::string_view name;
    std::string_view sha256;  ///< of the file, hexadecimal
    std::string_view sql;
};

/// All migrations that were compiled in, by source and number.
std::span<const Migration> embedded_migrations();

/// Applies what the file has not seen, in the order of `sources`, each migration in a transaction
/// of its own. Throws Refused when the file is newer than this binary, when an applied migration's
/// text has changed since, or when one is missing in between; nothing was applied then. `file`
/// names the file in messages.
void migrate(
    Connection& connection,
    std::string_view file,
    std::span<const std::string> sources,
    std::int64_t now_ms,
    std::span<const Migration> migrations = embedded_migrations()
);

}  // namespace bookstore::storage
