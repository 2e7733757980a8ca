#include "storage/connection.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cassert>
#include <chrono>

namespace bookstore::storage {
namespace {

// Both are set while static objects are made, by one thread, and only read after that. They need
// no constructor of their own, so that an Sql of any file may come first.
const Sql* newest_sql = nullptr;
std::size_t sql_count = 0;

// SQLite would count its memory, which nobody reads, under one lock for the whole process. To be
// set before any other call of SQLite, which does not allow it later.
[[maybe_unused]] const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

constexpr int progress_opcodes = 4000;  ///< how often a statement's time is looked at

std::int64_t steady_ns() {
    return std::chrono::steady_clock::now().time_since_epoch().count();
}

/// The error that the connection's last call ended with.
Error error_of(sqlite3* db, std::string_view path, std::string_view doing) {
    Error error(
        sqlite3_extended_errcode(db), path, fmt::format("{}: {}", doing, sqlite3_errmsg(db))
    );
    if (error.corrupt()) {
        // The page that was read wrong is in the cache, and would be found there for as long as
        // nobody else writes the file, however well the disk is by then.
        sqlite3_db_release_memory(db);
    }
    return error;
}

}  // namespace

std::string_view sqlite_version() {
    return sqlite3_libversion();
}

Sql::Sql(std::string_view file, std::string text)
    : file_(file), text_(std::move(text)), number_(sql_count++), next_(newest_sql) {
    newest_sql = this;
}

const Sql* Sql::first() {
    return newest_sql;
}

// ---- Statement

Statement::~Statement() {
    sqlite3_reset(statement_);  // its result repeats the error that step() has already thrown
    sqlite3_clear_bindings(statement_);
}

bool Statement::step() {
    const int rc = sqlite3_step(statement_);
    if (rc == SQLITE_ROW) {
        return true;
    }
    if (rc == SQLITE_DONE) {
        return false;
    }
    fail();
}

void Statement::fail() const {
    const char* path = sqlite3_db_filename(db_, "main");
    throw error_of(db_, path == nullptr ? "" : path, sqlite3_sql(statement_));
}

void Statement::require(int rc) const {
    if (rc != SQLITE_OK) {
        fail();
    }
}

void Statement::run() {
    while (step()) {
    }
}

void Statement::reset() {
    sqlite3_reset(statement_);
}

bool Statement::null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::text(int column) const {
    const void* bytes = sqlite3_column_text(statement_, column);
    if (bytes == nullptr) {
        return {};
    }
    return {
        static_cast<const char*>(bytes),
        static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))
    };
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
    return null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<std::string> Statement::optional_string(int column) const {
    return null(column) ? std::nullopt : std::optional(string(column));
}

void Statement::bind_one(int index, std::int64_t value) {
    require(sqlite3_bind_int64(statement_, index, value));
}

void Statement::bind_one(int index, std::string_view value) {
    // A null pointer would bind NULL: an empty text is an empty text.
    const char* bytes = value.data() == nullptr ? "" : value.data();
    require(sqlite3_bind_text64(statement_, index, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8)
    );
}

void Statement::bind_one(int index, std::nullptr_t) {
    require(sqlite3_bind_null(statement_, index));
}

// ---- Connection

int on_progress(void* connection) {
    return steady_ns() > static_cast<Connection*>(connection)->deadline_ns_ ? 1 : 0;
}

Connection::Connection(const std::string& path, Mode mode, const std::string& vfs) : path_(path) {
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (mode == Mode::read_only ? SQLITE_OPEN_READONLY
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    const int rc = sqlite3_open_v2(path.c_str(), &db_, flags, vfs.empty() ? nullptr : vfs.c_str());
    if (rc != SQLITE_OK) {
        const std::string why = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
        sqlite3_close(db_);
        throw Error(rc, path, "cannot be opened: " + why);
    }
}

Connection::~Connection() {
    for (sqlite3_stmt* statement : statements_) {
        sqlite3_finalize(statement);
    }
    sqlite3_close(db_);
}

Statement Connection::prepare(const Sql& sql) {
    if (statements_.size() <= sql.number()) {
        statements_.resize(std::max(sql.number() + 1, sql_count));
    }
    sqlite3_stmt*& statement = statements_[sql.number()];
    if (statement == nullptr) {
        const int rc = sqlite3_prepare_v3(
            db_,
            sql.text().c_str(),
            static_cast<int>(sql.text().size() + 1),
            SQLITE_PREPARE_PERSISTENT,
            &statement,
            nullptr
        );
        if (rc != SQLITE_OK) {
            fail(sql.text());
        }
    }
    assert(sqlite3_stmt_busy(statement) == 0 && "the statement is in use further up");
    start_limit();
    return {statement, db_};
}

void Connection::start_limit() {
    if (limit_ms_ > 0) {
        deadline_ns_ = steady_ns() + std::int64_t{limit_ms_} * 1'000'000;
    }
}

void Connection::execute(const std::string& sql) {
    start_limit();
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        fail(sql);
    }
}

std::optional<std::string> Connection::query_text(const std::string& sql) {
    start_limit();
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) {
        fail(sql);
    }
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(raw, sqlite3_finalize);
    Statement statement(raw, db_);
    if (!statement.step()) {
        return std::nullopt;
    }
    return statement.string(0);
}

std::int64_t Connection::query_integer(const std::string& sql) {
    const auto text = query_text(sql);
    return text && !text->empty() ? std::stoll(*text) : 0;
}

bool Connection::autocommit() const {
    return sqlite3_get_autocommit(db_) != 0;
}
std::int64_t Connection::last_insert_id() const {
    return sqlite3_last_insert_rowid(db_);
}
std::int64_t Connection::changes() const {
    return sqlite3_changes64(db_);
}

void Connection::limit_statements(int milliseconds) {
    if (milliseconds == limit_ms_) {
        return;
    }
    limit_ms_ = milliseconds;
    if (milliseconds > 0) {
        sqlite3_progress_handler(db_, progress_opcodes, on_progress, this);
    } else {
        sqlite3_progress_handler(db_, 0, nullptr, nullptr);
    }
}

void Connection::fail(const std::string& doing) const {
    throw error_of(db_, path_, doing.substr(0, 200));
}

}  // namespace bookstore::storage
