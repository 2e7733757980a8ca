#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace bookstore::storage {

class Connection;

/// Copies what `from` sees into a new file, page by page, and syncs it. The
/// copy differs in its stamp (storage/wal_stamp.hpp). While `from` holds a
/// snapshot (a Reader, after its first statement), that is what is copied, whatever is committed
/// meanwhile. After each chunk of 1 MiB `go_on` is called; false gives up. Returns the file's size;
/// nothing when it was given up. Throws Error; `to` may be there half written then.
std::optional<std::int64_t> copy_database(
    Connection& from, const std::string& to, const std::function<bool()>& go_on
);

}  // namespace bookstore::storage
