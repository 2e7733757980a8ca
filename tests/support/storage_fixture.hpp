#pragma once

#include <spdlog/spdlog.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "storage/database.hpp"
#include "support/memory_vfs.hpp"

namespace bookstore::test {

inline const storage::Sql insert_note{"test", "INSERT INTO note(text, body) VALUES (?1, ?2)"};
inline const storage::Sql select_notes{"test", "SELECT text FROM note ORDER BY id"};

inline std::string notes_in(storage::Connection& db) {
    std::string all;
    auto statement = db.prepare(select_notes);
    while (statement.step()) {
        all += (all.empty() ? "" : " ") + statement.string(0);
    }
    return all;
}

inline const char* word_of(storage::Outcome::Kind kind) {
    switch (kind) {
        case storage::Outcome::Kind::committed:
            return "committed";
        case storage::Outcome::Kind::rolled_back:
            return "rolled back";
        case storage::Outcome::Kind::failed:
            return "failed";
        case storage::Outcome::Kind::unknown:
            return "unknown";
    }
    return "?";
}

inline std::string what_of(const storage::Outcome& outcome) {
    try {
        if (outcome.error) {
            std::rethrow_exception(outcome.error);
        }
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

/// No log of the errors that a test makes on purpose, while it lives.
class Quiet {
  public:
    Quiet() : level_(spdlog::get_level()) { spdlog::set_level(spdlog::level::off); }
    ~Quiet() { spdlog::set_level(level_); }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    spdlog::level::level_enum level_;
};

/// One database in memory with a table of notes, written by jobs. A note is known by its text.
class StorageFixture {
  public:
    explicit StorageFixture(std::uint64_t seed = 1) : vfs(seed) { open(); }
    ~StorageFixture() { close(); }
    StorageFixture(const StorageFixture&) = delete;
    StorageFixture& operator=(const StorageFixture&) = delete;

    Quiet quiet;
    MemoryVfs vfs;
    std::optional<storage::Database> db;
    int read_limit_ms = 0;
    bool gone = false;  ///< the process crashed: nobody hears what it says

    void open() {
        storage::Database::Options options;
        options.path = "notes.db";
        options.vfs = vfs.name();
        options.read_limit_ms = read_limit_ms;
        options.ring = [this] { ++rung; };
        db.emplace(std::move(options));
        db->writer().connection().execute(
            "CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY AUTOINCREMENT, "
            "text TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT"
        );
    }
    void close() { db.reset(); }
    void crash(Crash kind) {
        vfs.crash(kind);
        gone = true;
        db.reset();
        gone = false;
        vfs.restart();
        open();
    }

    using Run = std::move_only_function<bool(storage::Connection&)>;
    /// Submits a job; its outcome is kept under `text`.
    void submitted(const std::string& text, Run run, bool durable = true) {
        db->writer().submit(
            {.durable = durable,
             .run = std::move(run),
             .done =
                 [this, text](const storage::Outcome& outcome) {
                     if (!gone) {
                         outcomes.insert_or_assign(text, outcome);
                     }
                 }}
        );
    }
    static void write(
        storage::Connection& connection, const std::string& text, std::size_t bytes = 0
    ) {
        connection.prepare(insert_note).bind(text, std::string(bytes, 'x')).run();
    }
    void note(const std::string& text, bool durable = true, std::size_t bytes = 0) {
        submitted(
            text,
            [text, bytes](storage::Connection& connection) {
                write(connection, text, bytes);
                return true;
            },
            durable
        );
    }
    bool step() { return db->writer().step(); }
    /// One note, one commit.
    void wrote(const std::string& text, bool durable = true, std::size_t bytes = 0) {
        note(text, durable, bytes);
        while (step()) {
        }
    }

    /// "committed", "rolled back", ..., or "not told".
    std::string outcome(const std::string& text) const {
        const auto found = outcomes.find(text);
        return found == outcomes.end() ? "not told" : word_of(found->second.kind);
    }
    /// What a reader sees: "a b c".
    std::string notes() {
        const storage::Reader reader = db->read();
        return notes_in(*reader);
    }
    std::string integrity() {
        return db->writer().connection().query_text("PRAGMA integrity_check").value_or("nothing");
    }
    int wal_syncs() const { return vfs.syncs("notes.db-wal"); }
    int file_syncs() const { return vfs.syncs("notes.db") - wal_syncs(); }
    int file_writes() const { return vfs.writes("notes.db") - vfs.writes("notes.db-wal"); }
    std::size_t wal_size() const { return vfs.size("notes.db-wal"); }

    std::map<std::string, storage::Outcome> outcomes;
    int rung = 0;
};

}  // namespace bookstore::test
