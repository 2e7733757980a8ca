#include "check/sqlite_file.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace bookstore::check {
namespace {

namespace fs = std::filesystem;

constexpr int busy_timeout_ms = 5000;  ///< another connection recovers the WAL

/// "file:" and the path as a URI has it.
std::string uri_of(const std::string& path, std::string_view parameters) {
    std::string uri = "file:";
    for (const char c : fs::absolute(path).string()) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '-' || c == '_';
        uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return uri.append(parameters);
}

/// Nothing stands in the WAL: the file itself is all there is.
bool has_no_wal(const std::string& path) {
    std::error_code error;
    const auto size = fs::file_size(path + "-wal", error);
    return error || size == 0;
}

bool is_damage(int code) {
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

}  // namespace

SqliteFile::SqliteFile(std::string path, Access access, const std::string& vfs)
    : path_(std::move(path)) {
    const bool alone = access == Access::alone;
    const bool immutable = alone && has_no_wal(path_);
    remove_index_ = alone && !immutable && !fs::exists(path_ + "-shm");
    const int flags =
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
    const std::string name = immutable ? uri_of(path_, "?immutable=1") : path_;
    if (sqlite3_open_v2(name.c_str(), &db_, flags, vfs.empty() ? nullptr : vfs.c_str()) !=
        SQLITE_OK) {
        const std::string why = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
        sqlite3_close(db_);
        throw std::runtime_error(path_ + ": " + why);
    }
    sqlite3_busy_timeout(db_, busy_timeout_ms);
    if (alone) {
        // Otherwise closing it would move the WAL into the file.
        sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        sqlite3_exec(db_, "PRAGMA cache_size = -32768", nullptr, nullptr, nullptr);
    }
}

SqliteFile::~SqliteFile() {
    sqlite3_close(db_);
    if (remove_index_) {
        std::error_code ignored;
        fs::remove(path_ + "-shm", ignored);
    }
}

void SqliteFile::fail(const std::string& doing) const {
    const std::string what =
        fmt::format("{}: {} ({})", fs::path(path_).filename().string(), sqlite3_errmsg(db_), doing);
    if (is_damage(sqlite3_extended_errcode(db_))) {
        throw Damaged(what);
    }
    throw std::runtime_error(what);
}

std::int64_t SqliteFile::number(const std::string& sql) const {
    Rows found = rows(sql);
    return found.next() ? found.integer(0) : 0;
}

SqliteFile::Rows::Rows(const SqliteFile& file, const std::string& sql)
    : file_(&file), statement_(nullptr, sqlite3_finalize) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(file.db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
        file.fail(sql);
    }
    statement_.reset(statement);
}

bool SqliteFile::Rows::next() {
    const int rc = sqlite3_step(statement_.get());
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        file_->fail(sqlite3_sql(statement_.get()));
    }
    return rc == SQLITE_ROW;
}

bool SqliteFile::Rows::null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t SqliteFile::Rows::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string_view SqliteFile::Rows::text(int column) const {
    const void* bytes = sqlite3_column_text(statement_.get(), column);
    if (bytes == nullptr) {
        return {};
    }
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::optional<std::int64_t> SqliteFile::Rows::optional_integer(int column) const {
    return null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<std::string> SqliteFile::Rows::optional_string(int column) const {
    return null(column) ? std::nullopt : std::optional(string(column));
}

void SqliteFile::Rows::restart(std::string_view parameter) {
    sqlite3_reset(statement_.get());
    sqlite3_bind_text64(
        statement_.get(), 1, parameter.data(), parameter.size(), SQLITE_STATIC, SQLITE_UTF8
    );
}

}  // namespace bookstore::check
