#include "storage/migrations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "storage/connection.hpp"
#include "storage/wal_stamp.hpp"

namespace bookstore::storage {
namespace {

// Not an Sql constant: it makes the table that the migrations are recorded in.
constexpr auto create_migration_table = R"(CREATE TABLE IF NOT EXISTS migration(
    source TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at INTEGER NOT NULL, -- ms since 1970
    PRIMARY KEY (source, number)
) STRICT, WITHOUT ROWID)";

const Sql select_applied{"*", "SELECT sha256 FROM migration WHERE source = ?1 AND number = ?2"};
const Sql select_newest{"*", "SELECT max(number) FROM migration WHERE source = ?1"};
const Sql insert_applied{
    "*",
    "INSERT INTO migration(source, number, name, sha256, applied_at) VALUES (?1, ?2, ?3, ?4, ?5)"
};

std::optional<std::string> applied_hash(Connection& connection, const Migration& migration) {
    auto statement = connection.prepare(select_applied);
    statement.bind(migration.source, migration.number);
    return statement.step() ? std::optional(statement.string(0)) : std::nullopt;
}

void apply(Connection& connection, const Migration& migration, std::int64_t now_ms) {
    connection.execute(std::string(migration.sql));
    connection.prepare(insert_applied)
        .bind(migration.source, migration.number, migration.name, migration.sha256, now_ms)
        .run();
}

int newest_applied(Connection& connection, std::string_view source) {
    auto statement = connection.prepare(select_newest);
    statement.bind(source);
    return statement.step() ? static_cast<int>(statement.integer(0)) : 0;
}

/// "bus/0001_create_outbox"
std::string label_of(const Migration& migration) {
    return fmt::format("{}/{:04}_{}", migration.source, migration.number, migration.name);
}

/// The migrations of a source that the file has not seen. Throws Refused.
std::vector<const Migration*> missing(
    Connection& connection,
    std::string_view file,
    std::string_view source,
    std::span<const Migration> migrations
) {
    std::vector<const Migration*> result;
    const int newest = newest_applied(connection, source);
    int newest_known = 0;
    for (const Migration& migration : migrations) {
        if (migration.source != source) {
            continue;
        }
        newest_known = migration.number;
        const auto hash = applied_hash(connection, migration);
        if (hash && *hash != migration.sha256) {
            throw Refused(fmt::format(
                "{}: migration {} was edited after it had been applied; "
                "undo the edit and put the change into a new migration",
                file,
                label_of(migration)
            ));
        }
        if (!hash && migration.number < newest) {
            throw Refused(fmt::format(
                "{}: migration {} was never applied but a later one was; "
                "give it the next free number",
                file,
                label_of(migration)
            ));
        }
        if (!hash) {
            result.push_back(&migration);
        }
    }
    if (newest > newest_known) {
        throw Refused(fmt::format(
            "{} is newer than this binary: it has migration {}/{:04}, the newest one known "
            "here is {:04}; run the newer bookstore",
            file,
            source,
            newest,
            newest_known
        ));
    }
    return result;
}

/// Whether one of the sources has a migration that the file has not seen. Throws Refused.
bool any_due(
    Connection& connection,
    std::string_view file,
    std::span<const std::string> sources,
    std::span<const Migration> migrations
) {
    return connection.query_integer(
               "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migration'"
           ) == 0 ||
           std::ranges::any_of(sources, [&](const std::string& source) {
               return !missing(connection, file, source, migrations).empty();
           });
}

}  // namespace

void migrate(
    Connection& connection,
    std::string_view file,
    std::span<const std::string> sources,
    std::int64_t now_ms,
    std::span<const Migration> migrations
) {
    if (!any_due(connection, file, sources, migrations)) {
        return;  // without a write transaction, for which it might have to wait
    }
    // One transaction for all: a file that is refused, or whose migration fails, is left as it was,
    // and a new file costs one sync.
    connection.execute("BEGIN IMMEDIATE");
    try {
        stamp(connection);  // no job of the writer, which would see to it
        connection.execute(create_migration_table);
        for (const std::string& source : sources) {
            for (const Migration* migration : missing(connection, file, source, migrations)) {
                apply(connection, *migration, now_ms);
            }
        }
        connection.execute("COMMIT");
    } catch (...) {
        if (!connection.autocommit()) {
            connection.execute("ROLLBACK");
        }
        throw;
    }
}

}  // namespace bookstore::storage
