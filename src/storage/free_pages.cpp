#include "storage/free_pages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>

namespace bookstore::storage {
namespace {

constexpr std::int64_t incremental = 2;  ///< PRAGMA auto_vacuum
constexpr std::uintmax_t most_kept_bytes = 64 << 20;
constexpr std::uintmax_t kept_part = 50;  ///< of a small disk: 2 %

std::filesystem::path directory_of(const std::string& file) {
    const auto directory = std::filesystem::path(file).parent_path();
    return directory.empty() ? "." : directory;
}

}  // namespace

FileSpace space_of(Connection& db) {
    const std::int64_t page_bytes = db.query_integer("PRAGMA page_size");
    const std::int64_t free = db.query_integer("PRAGMA freelist_count");
    const std::int64_t all = db.query_integer("PRAGMA page_count");
    return {.used_bytes = (all - free) * page_bytes, .free_bytes = free * page_bytes};
}

bool give_back_pages(Connection& db, int pages) {
    if (db.query_integer("PRAGMA auto_vacuum") != incremental ||
        db.query_integer("PRAGMA freelist_count") == 0) {
        return false;
    }
    db.execute(fmt::format("PRAGMA incremental_vacuum({})", pages));
    return db.query_integer("PRAGMA freelist_count") > 0;
}

std::int64_t disk_left_bytes(const std::string& file) {
    std::error_code error;
    const auto disk = std::filesystem::space(directory_of(file), error);
    return error ? std::numeric_limits<std::int64_t>::max()
                 : static_cast<std::int64_t>(disk.available);
}

bool disk_is_nearly_full(const std::string& file) {
    std::error_code error;
    const auto disk = std::filesystem::space(directory_of(file), error);
    return !error && disk.available < std::min(most_kept_bytes, disk.capacity / kept_part);
}

}  // namespace bookstore::storage
