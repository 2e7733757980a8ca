#include "storage/database.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <utility>

#include "storage/migrations.hpp"

namespace bookstore::storage {
namespace {

const Sql begin_read{"*", "BEGIN"};
const Sql end_read{"*", "COMMIT"};

/// Ends the connection's read transaction, if it has one; false when it is of no use any more.
bool end_transaction(Connection& connection) {
    try {
        if (!connection.autocommit()) {
            connection.prepare(end_read).run();
        }
        return true;
    } catch (const Error&) {
        return false;  // nothing is lost with a read transaction
    }
}

}  // namespace

Reader::~Reader() {
    if (held_.connection) {
        database_.give_back(std::move(held_));
    }
}

Connection* Reader::operator->() const {
    if (!held_.connection) {
        held_ = database_.lend(limit_ms_);
    }
    return held_.connection.get();
}

Database::Database(Options options) : options_(std::move(options)) {
    writer_ = std::make_unique<Writer>(options_.path, options_.vfs, options_.ring);
    writer_->before_checkpoint([this] { end_idle_reads(); });
    migrate(
        writer_->connection(),
        std::filesystem::path(options_.path).filename().string(),
        options_.migrations,
        options_.now_ms
    );
}

Database::~Database() {
    idle_readers_.clear();
}

Reader::Held Database::lend(int limit_ms) {
    Reader::Held held = take_idle();
    // Read before the transaction begins: what is committed meanwhile may be in it already.
    const std::uint64_t version = writer_->version();
    if (!held.connection || (held.version != version && !end_transaction(*held.connection))) {
        held = open_reader();
    }
    held.connection->limit_statements(limit_ms);
    if (held.connection->autocommit()) {
        held.connection->prepare(begin_read).run();
    }
    held.version = version;
    return held;
}

/// A connection of this generation that nobody uses; none when there is none.
Reader::Held Database::take_idle() {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t generation = writer_->generation();
    std::erase_if(idle_readers_, [generation](const Reader::Held& held) {
        return held.generation != generation;
    });
    Reader::Held held;
    if (!idle_readers_.empty()) {
        held = std::move(idle_readers_.back());
        idle_readers_.pop_back();
    }
    return held;
}

Reader::Held Database::open_reader() {
    Reader::Held held;
    held.generation = writer_->generation();
    const bool open = writer_->while_open([&] {
        held.connection =
            std::make_unique<Connection>(options_.path, Connection::Mode::read_only, options_.vfs);
        // SQLite opens the file at the first statement: now, while the writer has it open.
        held.connection->query_integer("SELECT count(*) FROM sqlite_schema WHERE rowid = 0");
    });
    if (!open) {
        throw Error(SQLITE_CANTOPEN, options_.path, "it is being recovered");
    }
    held.connection->execute("PRAGMA temp_store = MEMORY");
    return held;
}

void Database::give_back(Reader::Held held) {
    if (held.connection->autocommit() || held.version != writer_->version()) {
        // Something was committed meanwhile, so the next reader wants a new transaction anyway.
        if (!end_transaction(*held.connection)) {
            return;
        }
    }
    const std::scoped_lock lock(mutex_);
    if (held.generation == writer_->generation()) {
        idle_readers_.push_back(std::move(held));
    }
}

/// On the writer's thread.
void Database::end_idle_reads() {
    const std::scoped_lock lock(mutex_);
    std::erase_if(idle_readers_, [](const Reader::Held& held) {
        return !end_transaction(*held.connection);
    });
}

}  // namespace bookstore::storage
