#include <doctest/doctest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/contexts.hpp"
#include "host/system.hpp"
#include "kernel/rebuild.hpp"
#include "support/temporary_directory.hpp"
#include "support/virtual_time.hpp"

using namespace bookstore;

namespace {

/// Tables that do not grow: a row a module, a subscription or a migration, or a single one.
const std::set<std::string> small_tables{
    "customer_deleted", "book_deleted", "subscription", "migration", "relayed", "sqlite_sequence"
};

/// A page of another order than the ids' walks an index from the nearer end; kernel::SortedRows
/// bounds how far.
bool walks_an_index(const std::string& sql, const std::string& step) {
    return sql.find(" LIMIT ?1 OFFSET ?2") != std::string::npos &&
           step.find(" USING INDEX ") != std::string::npos;
}

/// The steps of SQLite's plan, as text.
std::vector<std::string> plan_of(storage::Connection& db, const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    const std::string explain = "EXPLAIN QUERY PLAN " + sql;
    const int rc = sqlite3_prepare_v2(db.handle(), explain.c_str(), -1, &statement, nullptr);
    REQUIRE_MESSAGE(rc == SQLITE_OK, sql, ": ", sqlite3_errmsg(db.handle()));
    std::vector<std::string> steps;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const void* text = sqlite3_column_text(statement, 3);
        steps.emplace_back(static_cast<const char*>(text));
    }
    sqlite3_finalize(statement);
    return steps;
}

std::string fault_of(storage::Connection& db, const std::string& sql) {
    for (const std::string& step : plan_of(db, sql)) {
        if (step.find("TEMP B-TREE") != std::string::npos) {
            return step;
        }
        const bool scan = step.starts_with("SCAN ") && step != "SCAN CONSTANT ROW";
        const std::string name = scan ? step.substr(5, step.find(' ', 5) - 5) : "";
        if (scan && !small_tables.contains(name) && !walks_an_index(sql, step)) {
            return step;
        }
    }
    return {};
}

}  // namespace

TEST_CASE("no SQL constant scans a table that grows, or sorts one") {
    const test::TemporaryDirectory directory;
    const test::VirtualClock clock;
    test::SeededRandom random(1);
    host::System system(
        app::contexts(), {.data_dir = directory.path()}, clock, random, [](std::size_t) {}
    );
    std::map<std::string, storage::Connection*> files;
    for (const auto& module : system.modules()) {
        files[module->name()] = &module->database().writer().connection();
    }
    const storage::Reader topic = system.topic().reader();
    files["topic"] = &*topic;
    kernel::RebuildTables::create_second(*files["customer"], "my_page");
    kernel::RebuildTables::create_second(*files["payment_history"], "payment_history");

    std::vector<std::pair<std::string, std::string>> constants;
    for (const storage::Sql* sql = storage::Sql::first(); sql != nullptr; sql = sql->next()) {
        if (sql->file() != "test") {  // other tests' own
            constants.emplace_back(sql->file(), sql->text());
        }
    }
    REQUIRE(constants.size() > 80);
    int explained = 0;
    for (const auto& [file, text] : constants) {
        // What belongs to every module's file is looked at in one that has it all.
        const std::string name = file == "*" ? "order" : file;
        REQUIRE_MESSAGE(files.contains(name), name, ": ", text);
        const std::string fault = fault_of(*files[name], text);
        CHECK_MESSAGE(fault.empty(), text, "\n  ", fault);
        ++explained;
    }
    CHECK(explained == static_cast<int>(constants.size()));
}

TEST_CASE("a scan and a sort of a table that grows are found") {
    const test::TemporaryDirectory directory;
    const test::VirtualClock clock;
    test::SeededRandom random(1);
    host::System system(
        app::contexts(), {.data_dir = directory.path()}, clock, random, [](std::size_t) {}
    );
    auto& db = system.module("order").database().writer().connection();
    CHECK_FALSE(fault_of(db, "SELECT id FROM orders WHERE quantity = 1").empty());
    CHECK_FALSE(fault_of(db, "SELECT id FROM orders WHERE customer_id = 1 ORDER BY status").empty()
    );
    CHECK_FALSE(fault_of(db, "SELECT id FROM orders LIMIT ?1 OFFSET ?2").empty());
    CHECK(
        fault_of(db, "SELECT id FROM orders WHERE customer_id = 1 ORDER BY nth_of_customer").empty()
    );
}
