#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "storage/database.hpp"
#include "support/memory_vfs.hpp"

namespace bookstore::test {

std::string notes_in(storage::Connection& db);
const char* word_of(storage::Outcome::Kind kind);
/// What it failed with; empty when it did not.
std::string what_of(const storage::Outcome& outcome);

/// No log of the errors that a test makes on purpose, while it lives.
class Quiet {
  public:
    Quiet();
    ~Quiet();
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    int level_;
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

    void open();
    void close() { db.reset(); }
    void crash(Crash kind);

    using Run = std::move_only_function<bool(storage::Connection&)>;
    /// Submits a job; its outcome is kept under `text`.
    void submitted(const std::string& text, Run run, bool durable = true);
    static void write(
        storage::Connection& connection, const std::string& text, std::size_t bytes = 0
    );
    void note(const std::string& text, bool durable = true, std::size_t bytes = 0);
    bool step() { return db->writer().step(); }
    /// One note, one commit.
    void wrote(const std::string& text, bool durable = true, std::size_t bytes = 0);

    /// "committed", "rolled back", ..., or "not told".
    std::string outcome(const std::string& text) const;
    /// What a reader sees: "a b c".
    std::string notes();
    std::string integrity();
    int wal_syncs() const { return vfs.syncs("notes.db-wal"); }
    int file_syncs() const { return vfs.syncs("notes.db") - wal_syncs(); }
    int file_writes() const { return vfs.writes("notes.db") - vfs.writes("notes.db-wal"); }
    std::size_t wal_size() const { return vfs.size("notes.db-wal"); }

    std::map<std::string, storage::Outcome> outcomes;
    int rung = 0;
};

}  // namespace bookstore::test
