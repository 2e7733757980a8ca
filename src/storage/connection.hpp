#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace bookstore::storage {

/// Of the SQLite that runs, "3.40.1".
std::string_view sqlite_version();

/// An SQL constant. Every statement that runs on the hot path is one, at namespace scope, above its
/// user; all of them can be listed, so that a test can ask SQLite for the plan of each.
class Sql {
  public:
    /// `file` is whose database it is for: a module's name, "topic", or "*" for every module's.
    Sql(std::string_view file, std::string text);
    Sql(const Sql&) = delete;
    Sql& operator=(const Sql&) = delete;

    std::string_view file() const { return file_; }
    const std::string& text() const { return text_; }
    std::size_t number() const { return number_; }

    static const Sql* first();
    const Sql* next() const { return next_; }

  private:
    std::string file_;
    std::string text_;
    std::size_t number_;
    const Sql* next_;
};

/// A prepared statement borrowed from its connection; given back, reset, when it goes.
/// Not thread-safe; must not outlive the connection.
class Statement {
  public:
    Statement(sqlite3_stmt* statement, sqlite3* database) : statement_(statement), db_(database) {}
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    /// Binds the parameters ?1, ?2, ... in order. Text is not copied: it must live until the
    /// statement is given back or bound again. Throws Error, as all that follows: a text may be too
    /// large.
    template <class... Args>
    Statement& bind(const Args&... args) {
        int index = 0;
        (bind_one(++index, args), ...);
        return *this;
    }
    /// To the next row; false at the end.
    bool step();
    /// Runs a statement that returns no row.
    void run();
    /// Ready to be bound and stepped again.
    void reset();

    bool null(int column) const;
    std::int64_t integer(int column) const;
    /// Valid until the next step.
    std::string_view text(int column) const;
    std::string string(int column) const { return std::string(text(column)); }
    std::optional<std::int64_t> optional_integer(int column) const;
    std::optional<std::string> optional_string(int column) const;

  private:
    void bind_one(int index, std::int64_t value);
    void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
    void bind_one(int index, bool value) { bind_one(index, static_cast<std::int64_t>(value)); }
    void bind_one(int index, std::size_t value) {
        bind_one(index, static_cast<std::int64_t>(value));
    }
    void bind_one(int index, std::string_view value);
    void bind_one(int index, const std::string& value) { bind_one(index, std::string_view(value)); }
    void bind_one(int index, const char* value) { bind_one(index, std::string_view(value)); }
    void bind_one(int index, std::nullptr_t);
    template <class T>
    void bind_one(int index, const std::optional<T>& value) {
        if (value) {
            bind_one(index, *value);
        } else {
            bind_one(index, nullptr);
        }
    }

    [[noreturn]] void fail() const;
    void require(int rc) const;

    sqlite3_stmt* statement_;
    sqlite3* db_;
};

/// One connection to one file, with its prepared statements. One thread at a time.
class Connection {
  public:
    enum class Mode { read_write, read_only };

    /// `vfs` names SQLite's virtual file system; empty is the default one.
    Connection(const std::string& path, Mode mode, const std::string& vfs = {});
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// The statement of that constant, reset. It must not be in use already (asserted).
    Statement prepare(const Sql& sql);
    /// A statement that runs once: schema, EXPLAIN, tools. Not cached.
    void execute(const std::string& sql);
    /// The first column of the first row; nothing when there is no row.
    std::optional<std::string> query_text(const std::string& sql);
    std::int64_t query_integer(const std::string& sql);

    /// No transaction is open (after an error: SQLite has rolled it back by itself).
    bool autocommit() const;
    std::int64_t last_insert_id() const;
    std::int64_t changes() const;

    /// A statement that runs longer is interrupted: Error with interrupted(). 0: no limit.
    void limit_statements(int milliseconds);

    sqlite3* handle() const { return db_; }
    const std::string& path() const { return path_; }

  private:
    friend int on_progress(void*);
    void start_limit();
    [[noreturn]] void fail(const std::string& doing) const;

    std::string path_;
    sqlite3* db_ = nullptr;
    std::vector<sqlite3_stmt*> statements_;  ///< by Sql::number
    int limit_ms_ = 0;
    std::int64_t deadline_ns_ = 0;
};

}  // namespace bookstore::storage
