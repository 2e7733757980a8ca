#include "host/damage.hpp"

#include <fmt/format.h>

#include <map>
#include <sstream>
#include <string_view>

namespace bookstore::host {
namespace {

struct Role {
    std::string_view holds;
    std::string_view way_out;
};

constexpr std::string_view restore = "restore the whole directory from one backup";

/// What each file is to whoever finds it damaged.
const std::map<std::string, Role, std::less<>> roles{
    {"topic", {"the log of all events", restore}},
    {"customer", {"the customers, and My Page", restore}},
    {"inventory", {"the books, their stock and the picking lists", restore}},
    {"order", {"the orders", restore}},
    {"delivery", {"the deliveries", restore}},
    {"payment", {"the payments", restore}},
    {"payment_history",
     {"the payment history, which is made from the events alone",
      "remove the file (and payment_history.db-wal and -shm beside it) and start again, and it is "
      "made anew; or restore the whole directory from one backup"}},
    {"van", {"VAN's ledger: which payments were charged", restore}},
};

}  // namespace

void refuse_if_damaged(
    const std::string& data_dir, const std::string& context, const storage::Error& error
) {
    const auto role = roles.find(context);
    if (!error.corrupt() || role == roles.end()) {
        return;
    }
    throw storage::Refused(fmt::format(
        "{}/{}.db is damaged ({}). It holds {}: {} (docs/operations.md, Restore)",
        data_dir,
        context,
        error.what(),
        role->second.holds,
        role->second.way_out
    ));
}

void read_roots(storage::Database& database) {
    const storage::Reader reader = database.read();
    const auto tables = reader->query_text(
        "SELECT group_concat(name, ' ') FROM sqlite_schema WHERE type = 'table' AND "
        "name NOT LIKE 'sqlite%'"
    );
    std::istringstream names(tables.value_or(""));
    for (std::string name; names >> name;) {
        reader->query_text("SELECT * FROM " + name + " LIMIT 1");
    }
}

}  // namespace bookstore::host
