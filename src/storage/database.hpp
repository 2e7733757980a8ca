#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/connection.hpp"
#include "storage/writer.hpp"

namespace bookstore::storage {

class Database;

/// A read connection, taken on loan when it is first used (which may throw Error) and given back
/// when it goes; one thread. All its statements see the same state, with everything in it that was
/// committed before its first use. Not longer than a request or a batch, or the WAL cannot be moved
/// into the file.
class Reader {
  public:
    /// `limit_ms`: a statement that runs longer is interrupted; 0: no limit.
    explicit Reader(Database& database, int limit_ms = 0)
        : database_(database), limit_ms_(limit_ms) {}
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Connection& operator*() const { return *operator->(); }
    Connection* operator->() const;

  private:
    friend class Database;
    /// A connection with an open read transaction.
    struct Held {
        std::unique_ptr<Connection> connection;
        std::uint64_t generation = 0;
        std::uint64_t version = 0;  ///< the writer's, when the transaction began
    };

    Database& database_;
    int limit_ms_;
    mutable Held held_;
};

/// One SQLite file: its writer and its pool of readers, migrated when it is constructed.
class Database {
  public:
    struct Options {
        std::string path;
        std::string vfs;                      ///< empty: SQLite's default
        std::vector<std::string> migrations;  ///< sources, in order
        std::function<void()> ring;           ///< called when a job was submitted
        std::int64_t now_ms = 0;              ///< when the migrations are applied
        int read_limit_ms = 250;              ///< of a client's statement; then it is interrupted
    };

    /// Throws Refused or Error.
    explicit Database(Options options);
    /// Readers go first, the writer last. Every Reader must have been given back.
    ~Database();

    Writer& writer() { return *writer_; }
    /// For the process itself: relay, subscriptions, tasks, backup, metrics. They read bounded
    /// amounts, and there is no limit of time: on a slow disk they are slow, but get on. Any
    /// thread.
    Reader read() { return Reader(*this); }
    /// For who answers a client, that waits and can ask for less: a statement that runs longer than
    /// Options::read_limit_ms is interrupted. Any thread.
    Reader read_for_client() { return Reader(*this, options_.read_limit_ms); }

  private:
    friend class Reader;
    Reader::Held lend(int limit_ms);
    Reader::Held take_idle();
    Reader::Held open_reader();
    void give_back(Reader::Held held);
    void end_idle_reads();

    Options options_;
    std::unique_ptr<Writer> writer_;
    std::mutex mutex_;
    /// Each keeps its read transaction while nothing is committed: beginning one costs two locks of
    /// the file, more than a point read. Guarded by mutex_.
    std::vector<Reader::Held> idle_readers_;
};

}  // namespace bookstore::storage
