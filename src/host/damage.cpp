#include "host/damage.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string_view>

namespace bookstore::host {
namespace {

std::string way_out_of(const FileRole& file) {
    constexpr std::string_view restore = "restore the whole directory from one backup";
    if (!file.from_events_alone) {
        return std::string(restore);
    }
    return fmt::format(
        "remove the file (and {0}.db-wal and -shm beside it) and start again, and it is made anew; "
        "or {1}",
        file.name,
        restore
    );
}

}  // namespace

void throw_if_damaged(
    const std::string& data_dir, const FileRole& file, const storage::Error& error
) {
    if (!error.corrupt() || error.file() != file.name + ".db") {
        return;
    }
    throw storage::Refused(fmt::format(
        "{}/{}.db is damaged ({}). It holds {}: {} (docs/operations.md, Restore)",
        data_dir,
        file.name,
        error.what(),
        file.holds,
        way_out_of(file)
    ));
}

void read_roots(storage::Connection& db) {
    const auto tables =
        db.query_text("SELECT group_concat(name, ' ') FROM sqlite_schema WHERE type = 'table'");
    std::istringstream table_names(tables.value_or(""));
    for (std::string name; table_names >> name;) {
        db.query_text("SELECT * FROM " + name + " LIMIT 1");
    }
}

}  // namespace bookstore::host
