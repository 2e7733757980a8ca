#pragma once

#include <exception>

namespace bookstore::storage {

class Connection;

/// Whose fault an exception is that was thrown by work inside a transaction: a job of the writer,
/// or a handler of one event.
enum class Fault {
    job,      ///< of that work alone: it is rolled back to its savepoint, and the others go on
    storage,  ///< of the file or the disk: the whole batch has failed and is rolled back
};

// The one place where this is decided.
//
// | SQLite says                         | whose   | because                                      |
// |-------------------------------------|---------|----------------------------------------------|
// | CONSTRAINT, MISMATCH, TOOBIG, RANGE | job     | its values do not fit the schema or a limit  |
// | ERROR, AUTH, MISUSE                 | job     | its statement is wrong                       |
// | FULL, NOLFS                         | storage | no room, for anybody                         |
// | IOERR, CORRUPT, NOTADB, FORMAT      | storage | what is on disk cannot be trusted            |
// | CANTOPEN, PERM, READONLY            | storage | the file does not let itself be written      |
// | BUSY, LOCKED, PROTOCOL              | storage | another connection holds it; it may pass     |
// | NOMEM                               | storage | the process has no memory, for anybody       |
// | INTERRUPT, ABORT                    | storage | the statement was ended from outside of it   |
// | SCHEMA                              | storage | the tables change under it; it may pass      |
// | INTERNAL, NOTFOUND, and all others  | storage | not known to be harmless                     |
//
// The extended codes are as their primary one.

/// By the result code alone.
Fault fault_of(int code);
/// By the exception alone: what is none of SQLite's is its thrower's.
Fault fault_of(const std::exception& error);
/// `connection` is the one that the work was done on: where its transaction has ended (SQLite rolls
/// it back by itself when the disk is full, on an I/O error, without memory, and when it is
/// interrupted), nothing is left of the batch, and what came after would commit on its own. Then
/// it is the storage's, whatever was thrown.
Fault fault_of(const std::exception& error, const Connection& connection);
Fault fault_of(const std::exception_ptr& error, const Connection& connection);

}  // namespace bookstore::storage
