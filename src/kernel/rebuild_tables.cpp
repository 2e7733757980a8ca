#include "kernel/rebuild_tables.hpp"

#include <fmt/format.h>

#include "bus/cursor.hpp"

namespace bookstore::kernel {
namespace {

/// In a transaction.
constexpr int rows_copied = 4096;

bool has_table(storage::Connection& db, const std::string& table) {
    return db.query_text(fmt::format("SELECT name FROM sqlite_schema WHERE name = '{}'", table))
        .has_value();
}

std::string renaming(const std::string& from, const std::string& to) {
    return fmt::format("ALTER TABLE {} RENAME TO {}", from, to);
}

/// Columns and constraints, hence indexes. (An index of a name of its own is not among them.)
std::optional<std::string> definition_of(storage::Connection& db, const std::string& table) {
    return db.query_text(fmt::format(
        "SELECT substr(sql, instr(sql, '(')) FROM sqlite_schema WHERE name = '{}'", table
    ));
}

}  // namespace

void RebuildTables::create_second(storage::Connection& db, const std::string& table) {
    const auto definition = definition_of(db, table);
    const std::string second = RebuildTables({}, table).second();
    db.execute("DROP TABLE IF EXISTS " + second);
    db.execute("CREATE TABLE " + second + definition.value());
}

bool RebuildTables::is_base_up_to_date(storage::Connection& db) const {
    return !has_base(db) || definition_of(db, base()) == definition_of(db, table_);
}

void RebuildTables::bring_base_up_to_date(storage::Connection& db) const {
    if (is_base_up_to_date(db)) {
        return;
    }
    const auto definition = definition_of(db, table_);
    const std::string before = base() + "_before";
    const auto columns =
        db.query_text(fmt::format("SELECT group_concat(name) FROM pragma_table_info('{}')", base())
        );
    db.execute(renaming(base(), before));
    db.execute("CREATE TABLE " + base() + definition.value());
    db.execute(fmt::format(
        "INSERT INTO {0}({1}) SELECT {1} FROM {2} ORDER BY rowid", base(), columns.value(), before
    ));
    db.execute("DROP TABLE " + before);
}

bool RebuildTables::has_second(storage::Connection& db) const {
    return has_table(db, second());
}

void RebuildTables::drop_second(storage::Connection& db) const {
    db.execute("DROP TABLE IF EXISTS " + second());
}

void RebuildTables::serve_second(storage::Connection& db) const {
    db.execute("DROP TABLE " + table_);
    db.execute(renaming(second(), table_));
}

bool RebuildTables::has_base(storage::Connection& db) const {
    return has_table(db, base());
}

std::int64_t RebuildTables::base_position(storage::Connection& db) const {
    return bus::Cursor(is_base_under_way(db) ? name_ + ".rebuild" : base_cursor()).read(db);
}

bool RebuildTables::is_base_under_way(storage::Connection& db) const {
    return bus::Cursor(base_under_way()).read(db) > 0;
}

void RebuildTables::open_base(storage::Connection& db, const bus::Subscription& second_one) const {
    if (has_base(db)) {
        db.execute(renaming(base(), second()));
        second_one.take_from(db, base_cursor());
    } else {
        create_second(db);
        second_one.clear(db);
    }
    bus::Cursor(base_under_way()).move(db, 0, 1);
}

void RebuildTables::close_base(storage::Connection& db, const bus::Subscription& second_one) const {
    if (!is_base_under_way(db)) {
        return;
    }
    db.execute(renaming(second(), base()));
    second_one.give_to(db, base_cursor());
    bus::Cursor(base_under_way()).clear(db);
}

bool RebuildTables::copy_base(storage::Connection& db, const bus::Subscription& second_one) const {
    db.execute(fmt::format(
        "INSERT INTO {0} SELECT * FROM {1} WHERE rowid > "
        "(SELECT coalesce(max(rowid), 0) FROM {0}) ORDER BY rowid LIMIT {2}",
        second(),
        base(),
        rows_copied
    ));
    if (db.changes() > 0) {
        return true;
    }
    second_one.copy_from(db, base_cursor());
    return false;
}

}  // namespace bookstore::kernel
