#include "bus/cursor.hpp"

namespace bookstore::bus {
namespace {

const storage::Sql select_cursor{"*", "SELECT position FROM subscription WHERE name = ?1"};
const storage::Sql insert_cursor{
    "*",
    "INSERT INTO subscription(name, position, hash) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (name) DO NOTHING"
};
const storage::Sql update_cursor{
    "*", "UPDATE subscription SET position = ?2, hash = ?4 WHERE name = ?1 AND position = ?3"
};
const storage::Sql replace_cursor{
    "*",
    "UPDATE subscription SET (position, hash) = "
    "(SELECT coalesce(max(position), 0), max(hash) FROM subscription WHERE name = ?2) "
    "WHERE name = ?1"
};
const storage::Sql delete_cursor{"*", "DELETE FROM subscription WHERE name = ?1"};
const storage::Sql select_cursors{"*", "SELECT name, position, hash FROM subscription"};

}  // namespace

std::vector<StoredCursor> stored_cursors(storage::Connection& db) {
    std::vector<StoredCursor> cursors;
    auto row = db.prepare(select_cursors);
    while (row.step()) {
        cursors.push_back({row.string(0), row.integer(1), row.optional_string(2)});
    }
    return cursors;
}

std::int64_t Cursor::read(storage::Connection& db) const {
    auto row = db.prepare(select_cursor);
    row.bind(subscription_);
    return row.step() ? row.integer(0) : 0;
}

bool Cursor::exists(storage::Connection& db) const {
    return db.prepare(select_cursor).bind(subscription_).step();
}

void Cursor::begin(
    storage::Connection& db, std::int64_t position, const std::optional<std::string>& hash
) const {
    db.prepare(insert_cursor).bind(subscription_, position, hash).run();
}

bool Cursor::move(
    storage::Connection& db,
    std::int64_t from,
    std::int64_t to,
    const std::optional<std::string>& hash
) const {
    if (from == 0) {
        begin(db);
    }
    db.prepare(update_cursor).bind(subscription_, to, from, hash).run();
    return db.changes() == 1;
}

void Cursor::replace_by(storage::Connection& db, const Cursor& other) const {
    copy(db, other);
    other.clear(db);
}

void Cursor::copy(storage::Connection& db, const Cursor& other) const {
    begin(db);
    db.prepare(replace_cursor).bind(subscription_, other.subscription_).run();
}

void Cursor::clear(storage::Connection& db) const {
    db.prepare(delete_cursor).bind(subscription_).run();
}

}  // namespace bookstore::bus
