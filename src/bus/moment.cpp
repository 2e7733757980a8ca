#include "bus/moment.hpp"

namespace bookstore::bus {
namespace {

using storage::Sql;

const Sql select_moment{"*", "SELECT number FROM moment WHERE context = ?1"};
const Sql upsert_moment{
    "*",
    "INSERT INTO moment(context, number) VALUES (?1, ?2) "
    "ON CONFLICT(context) DO UPDATE SET number = excluded.number WHERE number < excluded.number"
};

}  // namespace

std::int64_t next_moment(storage::Connection& db, std::string_view context) {
    const std::int64_t next = newest_moment(db, context) + 1;
    note_moment(db, context, next);
    return next;
}

std::int64_t newest_moment(storage::Connection& db, std::string_view context) {
    auto row = db.prepare(select_moment);
    row.bind(context);
    return row.step() ? row.integer(0) : 0;
}

void note_moment(storage::Connection& db, std::string_view context, std::int64_t moment) {
    db.prepare(upsert_moment).bind(context, moment).run();
}

}  // namespace bookstore::bus
