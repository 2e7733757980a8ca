#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace bookstore::test {

/// SQLite as a test uses it: a file of a data directory, opened beside the program's own code.
class Sqlite {
  public:
    enum class Mode { read, write };

    explicit Sqlite(const std::string& path, Mode mode = Mode::read, const std::string& vfs = {})
        : path_(path) {
        const int flags = mode == Mode::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
        const char* name = vfs.empty() ? nullptr : vfs.c_str();
        if (sqlite3_open_v2(path.c_str(), &db_, flags, name) != SQLITE_OK) {
            const std::string why = sqlite3_errmsg(db_);
            sqlite3_close(db_);
            throw std::runtime_error(path + ": " + why);
        }
    }
    ~Sqlite() { sqlite3_close(db_); }
    Sqlite(const Sqlite&) = delete;
    Sqlite& operator=(const Sqlite&) = delete;

    class Row {
      public:
        explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
        bool null(int column) const {
            return sqlite3_column_type(statement_, column) == SQLITE_NULL;
        }
        std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
        bool flag(int column) const { return integer(column) != 0; }
        std::string text(int column) const {
            const void* bytes = sqlite3_column_blob(statement_, column);
            const int size = sqlite3_column_bytes(statement_, column);
            return bytes == nullptr
                       ? std::string()
                       : std::string(
                             static_cast<const char*>(bytes), static_cast<std::size_t>(size)
                         );
        }
        std::optional<std::int64_t> optional_integer(int column) const {
            return null(column) ? std::nullopt : std::optional(integer(column));
        }
        std::optional<std::string> optional_text(int column) const {
            return null(column) ? std::nullopt : std::optional(text(column));
        }

      private:
        sqlite3_stmt* statement_;
    };

    /// Runs one statement; each(row) for every row of its result.
    template <class Each>
    void rows(const std::string& sql, Each each) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
            fail(sql);
        }
        const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(
            statement, sqlite3_finalize
        );
        int rc = SQLITE_ROW;
        while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
            each(Row(statement));
        }
        if (rc != SQLITE_DONE) {
            fail(sql);
        }
    }

    void run(const std::string& sql) {
        rows(sql, [](const Row&) {});
    }

    std::int64_t number(const std::string& sql) {
        std::int64_t result = 0;
        rows(sql, [&](const Row& row) { result = row.integer(0); });
        return result;
    }

  private:
    [[noreturn]] void fail(const std::string& sql) const {
        throw std::runtime_error(path_ + ": " + sql + ": " + sqlite3_errmsg(db_));
    }

    std::string path_;
    sqlite3* db_ = nullptr;
};

}  // namespace bookstore::test
