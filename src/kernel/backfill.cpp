#include "kernel/backfill.hpp"

#include <spdlog/spdlog.h>

namespace bookstore::kernel {
namespace {

using storage::Sql;

constexpr std::size_t events_at_once = 4096;

const Sql select_unfilled{"*", "SELECT 1 FROM unfilled WHERE what = ?1"};
const Sql insert_unfilled{"*", "INSERT INTO unfilled VALUES (?1)"};
const Sql delete_unfilled{"*", "DELETE FROM unfilled WHERE what = ?1"};

bool is_unfilled(storage::Database& database, const std::string& what) {
    const storage::Reader reader = database.read();
    auto row = reader->prepare(select_unfilled);
    row.bind(what);
    return row.step();
}

}  // namespace

void note_unfilled(const Declarations::Backfill& backfill, storage::Database& database) {
    if (is_unfilled(database, backfill.what)) {
        return;
    }
    database.writer().commit_now({
        .durable = false,
        .run =
            [&backfill](storage::Connection& db) {
                db.prepare(insert_unfilled).bind(backfill.what).run();
                return true;
            },
        .done = {},
    });
}

void fill_in(
    const Declarations::Backfill& backfill, storage::Database& database, bus::Topic& topic
) {
    if (!is_unfilled(database, backfill.what)) {
        return;
    }
    spdlog::info("filling in {} out of the log, once", backfill.what);
    const bus::Types types{std::string(backfill.event_type)};
    for (std::int64_t position = 0; position < topic.end();) {
        const bus::Topic::Batch batch = topic.read(position, types, events_at_once);
        database.writer().commit_now({
            .durable = false,
            .run =
                [&](storage::Connection& db) {
                    for (const auto& event : batch.events) {
                        backfill.take(*event, db);
                    }
                    return true;
                },
            .done = {},
        });
        position = batch.scanned;
    }
    database.writer().commit_now({
        .durable = true,
        .run =
            [&backfill](storage::Connection& db) {
                backfill.finish(db);
                db.prepare(delete_unfilled).bind(backfill.what).run();
                return true;
            },
        .done = {},
    });
}

}  // namespace bookstore::kernel
