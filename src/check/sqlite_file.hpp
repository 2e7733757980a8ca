#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace bookstore::check {

/// The file is damaged: what SQLite found.
class Damaged : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// How the files of a directory are opened, always to be read alone.
enum class Access {
    shared,  ///< another process may be writing (tests look beside it)
    alone,   ///< nobody holds it: it is left as it was found, byte for byte
};

/// A file of a data directory, read with SQLite alone, by none of the program's own storage.
/// One thread at a time.
class SqliteFile {
  public:
    /// `vfs` names SQLite's file system, empty is the default one. Throws std::runtime_error.
    SqliteFile(std::string path, Access access, const std::string& vfs = {});
    ~SqliteFile();
    SqliteFile(const SqliteFile&) = delete;
    SqliteFile& operator=(const SqliteFile&) = delete;

    /// The rows of a statement, one after the other. It must not outlive its file.
    class Rows {
      public:
        Rows(Rows&&) = default;

        /// To the next row, also the first; false at the end. Throws Damaged, std::runtime_error.
        bool next();

        bool null(int column) const;
        std::int64_t integer(int column) const;
        bool flag(int column) const { return integer(column) != 0; }
        /// Until the next row.
        std::string_view text(int column) const;
        std::string string(int column) const { return std::string(text(column)); }
        std::optional<std::int64_t> optional_integer(int column) const;
        std::optional<std::string> optional_string(int column) const;

        /// Ready to be stepped again, with that text as ?1. It must live until the next one.
        void restart(std::string_view parameter);

      private:
        friend class SqliteFile;
        Rows(const SqliteFile& file, const std::string& sql);

        const SqliteFile* file_;
        std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
    };

    Rows rows(const std::string& sql) const { return {*this, sql}; }
    /// The first column of the first row; 0 when there is none.
    std::int64_t number(const std::string& sql) const;

    const std::string& path() const { return path_; }

  private:
    [[noreturn]] void fail(const std::string& doing) const;

    std::string path_;
    sqlite3* db_ = nullptr;
    bool remove_index_ = false;  ///< the WAL's index was made by opening it here
};

}  // namespace bookstore::check
