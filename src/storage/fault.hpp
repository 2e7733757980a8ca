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

/// The one place where this is decided. `connection` is the one that the work was done on: where
/// its transaction has ended (SQLite rolls it back by itself when the disk is full, on an I/O
/// error, without memory, and when it is interrupted), nothing is left of the batch, and what came
/// after would commit on its own. A transaction that goes on is lost all the same when SQLite said
/// anything but that a constraint is broken.
Fault fault_of(const std::exception& error, const Connection& connection);

}  // namespace bookstore::storage
