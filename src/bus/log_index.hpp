#pragma once

#include <cstdint>
#include <span>

#include "bus/event.hpp"
#include "storage/connection.hpp"

namespace bookstore::bus {

/// What somebody wants to find events by, without the topic knowing: an index of the log, in tables
/// of its own in the topic's file, written by the transactions that append. Relay's thread.
class LogIndex {
  public:
    LogIndex() = default;
    LogIndex(const LogIndex&) = delete;
    LogIndex& operator=(const LogIndex&) = delete;
    virtual ~LogIndex() = default;

    /// Inside the transaction: these events, with their positions, were just appended, and nothing
    /// after them. What is noted of them counts once it has committed.
    virtual void append(storage::Connection& db, std::span<const Envelope> events) = 0;
    /// Inside a transaction: the events up to that position are about to be removed.
    virtual void remove(storage::Connection& db, std::int64_t up_to) = 0;
    /// A transaction may not have been committed: what is kept in memory is read from the file
    /// again.
    virtual void forget() = 0;
};

}  // namespace bookstore::bus
